//! What the reader must refuse, each file made with the element writers and one thing wrong.
#![forbid(unsafe_code)]

use super::{Error, Reader};
use crate::webm::ebml::write::{self, master, uint};
use crate::webm::ids;
use std::io::Cursor;

type Out = Vec<u8>;

fn info(out: &mut Out) {
    master(out, ids::INFO, |out| {
        write::string(out, ids::MUXING_APP, "m");
        write::string(out, ids::WRITING_APP, "w");
    });
}

fn track(out: &mut Out, number: u64) {
    master(out, ids::TRACK_ENTRY, |out| {
        uint(out, ids::TRACK_NUMBER, number);
        uint(out, ids::TRACK_UID, 9);
        uint(out, ids::TRACK_TYPE, 1);
        write::string(out, ids::CODEC_ID, "V_VP9");
        master(out, ids::VIDEO, |out| {
            uint(out, ids::PIXEL_WIDTH, 8);
            uint(out, ids::PIXEL_HEIGHT, 8);
        });
    });
}

fn head(out: &mut Out) {
    info(out);
    master(out, ids::TRACKS, |out| track(out, 1));
}

fn file(doc_type: &str, segment: impl FnOnce(&mut Out)) -> Out {
    let mut out = Vec::new();
    write::header(&mut out, doc_type);
    master(&mut out, ids::SEGMENT, segment);
    out
}

/// A file with one cluster.
fn cluster(children: impl FnOnce(&mut Out)) -> Out {
    file("webm", |out| {
        head(out);
        master(out, ids::CLUSTER, children);
    })
}

/// Time, key, addition.
type Short = (i64, bool, Option<Vec<u8>>);

fn read(bytes: &[u8]) -> Result<Vec<Short>, Error> {
    let mut reader = Reader::open(Cursor::new(bytes))?;
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block()? {
        blocks.push((block.pts_ticks, block.key, block.additional));
    }
    Ok(blocks)
}

fn block(out: &mut Out, header: [u8; 4]) {
    write::binary(out, ids::BLOCK, &header);
}

fn more(out: &mut Out, id: Option<u64>, bytes: &[u8]) {
    master(out, ids::BLOCK_MORE, |out| {
        id.into_iter().for_each(|id| uint(out, ids::BLOCK_ADD_ID, id));
        write::binary(out, ids::BLOCK_ADDITIONAL, bytes);
    });
}

#[test]
fn what_is_not_webm_is_called_so() {
    for bytes in [&b""[..], b"RIFF....WEBPVP8 ", b"plain text\n", &[0; 64], &[0xEC, 0x80]] {
        assert!(matches!(read(bytes), Err(Error::NotWebm { .. })), "{bytes:?}");
    }
    assert!(matches!(read(&file("flac", head)), Err(Error::NotWebm { found }) if found.contains("flac")));
    let mut only_header = Vec::new();
    write::header(&mut only_header, "webm");
    assert!(matches!(read(&only_header), Err(Error::NotWebm { .. })));
}

#[test]
fn what_must_be_there_must_be_there_once() {
    assert!(matches!(read(&file("webm", info)), Err(Error::Missing { id: ids::TRACKS, .. })));
    let no_info = file("webm", |out| master(out, ids::TRACKS, |out| track(out, 1)));
    assert!(matches!(read(&no_info), Err(Error::Missing { id: ids::INFO, .. })));
    let twice = file("webm", |out| {
        head(out);
        info(out);
    });
    assert!(matches!(read(&twice), Err(Error::Repeated { id: ids::INFO, .. })));
    let same_number = file("webm", |out| {
        info(out);
        master(out, ids::TRACKS, |out| {
            track(out, 1);
            track(out, 1);
        });
    });
    assert!(matches!(read(&same_number), Err(Error::Repeated { id: ids::TRACK_NUMBER, .. })));
    let no_number = file("webm", |out| {
        info(out);
        master(out, ids::TRACKS, |out| track(out, 0));
    });
    assert!(matches!(read(&no_number), Err(Error::BadValue { id: ids::TRACK_NUMBER, .. })));
    assert_eq!(read(&file("matroska", head)).unwrap(), []);
}

#[test]
fn blocks_lie_behind_the_timestamp_of_a_cluster() {
    let early = cluster(|out| write::simple_block(out, 1, 0, true, &[1]));
    assert!(matches!(read(&early), Err(Error::Misplaced { id: ids::SIMPLE_BLOCK, .. })));
    let bare = cluster(|out| {
        uint(out, ids::TIMESTAMP, 0);
        block(out, [0x81, 0, 0, 0]);
    });
    assert!(matches!(read(&bare), Err(Error::Misplaced { id: ids::BLOCK, .. })));
    let twice = cluster(|out| {
        uint(out, ids::TIMESTAMP, 0);
        uint(out, ids::TIMESTAMP, 1);
    });
    assert!(matches!(read(&twice), Err(Error::Repeated { id: ids::TIMESTAMP, .. })));
    let good = cluster(|out| {
        uint(out, ids::TIMESTAMP, 100);
        write::simple_block(out, 1, -3, true, &[1]);
        write::simple_block(out, 1, 3, false, &[1]);
    });
    assert_eq!(read(&good).unwrap(), [(97, true, None), (103, false, None)]);
}

#[test]
fn blocks_have_a_known_track_and_no_lacing() {
    let with = |payload: &'static [u8]| {
        read(&cluster(|out| {
            uint(out, ids::TIMESTAMP, 0);
            write::binary(out, ids::SIMPLE_BLOCK, payload);
        }))
    };
    assert!(with(&[0x81, 0, 0, 0]).is_ok());
    assert!(with(&[0x40, 0x01, 0, 0, 0]).is_ok()); // track 1 in two bytes
    assert!(matches!(with(&[0x82, 0, 0, 0]), Err(Error::BadValue { .. })));
    for short in [&[][..], &[0x81], &[0x81, 0, 0], &[0x40, 0x01, 0, 0], &[0x00, 0, 0, 0, 0], &[0xFF, 0, 0, 0]]
    {
        assert!(matches!(with(short), Err(Error::BadValue { id: ids::SIMPLE_BLOCK, .. })), "{short:?}");
    }
    assert!(matches!(with(&[0x81, 0, 0, 0x82]), Err(Error::Unsupported { id: ids::SIMPLE_BLOCK, .. })));
}

#[test]
fn additions_are_those_of_id_one() {
    let group = |children: &dyn Fn(&mut Out)| {
        read(&cluster(|out| {
            uint(out, ids::TIMESTAMP, 0);
            master(out, ids::BLOCK_GROUP, |out| {
                block(out, [0x81, 0, 0, 0]);
                master(out, ids::BLOCK_ADDITIONS, children);
                write::sint(out, ids::REFERENCE_BLOCK, -1);
            });
        }))
    };
    let two = |out: &mut Out| {
        more(out, Some(4), b"hdr");
        more(out, Some(1), b"alpha");
    };
    assert_eq!(group(&two).unwrap(), [(0, false, Some(b"alpha".to_vec()))]);
    assert_eq!(group(&|out| more(out, None, b"a")).unwrap()[0].2, Some(b"a".to_vec()));
    assert_eq!(group(&|out| more(out, Some(2), b"a")).unwrap()[0].2, None);
    let twice = |out: &mut Out| {
        more(out, Some(1), b"a");
        more(out, Some(1), b"b");
    };
    assert!(matches!(group(&twice), Err(Error::Repeated { id: ids::BLOCK_MORE, .. })));
    let late_id = |out: &mut Out| {
        master(out, ids::BLOCK_MORE, |out| {
            write::binary(out, ids::BLOCK_ADDITIONAL, b"a");
            uint(out, ids::BLOCK_ADD_ID, 1);
        });
    };
    assert!(matches!(group(&late_id), Err(Error::Misplaced { id: ids::BLOCK_ADD_ID, .. })));
    let none = cluster(|out| {
        uint(out, ids::TIMESTAMP, 0);
        master(out, ids::BLOCK_GROUP, |out| uint(out, ids::BLOCK_DURATION, 1));
    });
    assert!(matches!(read(&none), Err(Error::Missing { id: ids::BLOCK, .. })));
}

/// A file with an index: SeekHead of 2 entries, Cues of one, two clusters. Every place is `wrong`
/// by a few bytes.
fn indexed(seek: u64, cue_time: u64, cue_cluster: u64, cue_block: Option<u64>) -> Result<(), Error> {
    let bytes = file("webm", |out| {
        // Sizes are the same whatever the numbers, all of which fit in one byte.
        let seek_head = 5 + 2 * 14;
        let mut rest = Vec::new();
        head(&mut rest);
        let cues_at = seek_head + rest.len() as u64;
        let cues_bytes = 5 + 2 + 3 + 2 + 6 + if cue_block.is_some() { 3 } else { 0 };
        let first = cues_at + cues_bytes;
        master(out, ids::SEEK_HEAD, |out| {
            for (id, at) in [(ids::INFO, seek_head), (ids::CUES, cues_at + seek)] {
                master(out, ids::SEEK, |out| {
                    write::binary(out, ids::SEEK_ID, id.bytes().as_ref());
                    uint(out, ids::SEEK_POSITION, at);
                });
            }
        });
        out.extend(rest);
        master(out, ids::CUES, |out| {
            master(out, ids::CUE_POINT, |out| {
                uint(out, ids::CUE_TIME, cue_time);
                master(out, ids::CUE_TRACK_POSITIONS, |out| {
                    uint(out, ids::CUE_TRACK, 1);
                    uint(out, ids::CUE_CLUSTER_POSITION, first + cue_cluster);
                    cue_block.into_iter().for_each(|at| uint(out, ids::CUE_RELATIVE_POSITION, at));
                });
            });
        });
        assert_eq!(out.len() as u64, first);
        for start in [0, 50] {
            master(out, ids::CLUSTER, |out| {
                uint(out, ids::TIMESTAMP, start); // 3 bytes
                write::simple_block(out, 1, 0, true, &[1]); // 7 bytes
                write::simple_block(out, 1, 10, false, &[1]); // 7 bytes
            });
        }
    });
    Reader::open(Cursor::new(bytes))?.check_index()
}

#[test]
fn an_index_leads_to_what_it_promises() {
    indexed(0, 0, 0, Some(3)).unwrap();
    indexed(0, 0, 0, None).unwrap();
    indexed(0, 50, 22, Some(3)).unwrap();
    indexed(0, 50, 22, None).unwrap();
    assert!(matches!(indexed(1, 0, 0, None), Err(Error::WrongSeek { id: ids::CUES, .. })));
    let wrong = |time, cluster, block| match indexed(0, time, cluster, block) {
        Err(Error::WrongCue { found, .. }) => found,
        other => panic!("{other:?}"),
    };
    assert!(wrong(0, 5, None).contains("Timestamp"));
    assert!(wrong(0, 1, None).contains("element 43B6"));
    assert!(wrong(0, 100, None).contains("no element"));
    assert!(wrong(10, 0, None).contains("no key frame"));
    assert!(wrong(10, 0, Some(10)).contains("no key frame"));
    assert!(wrong(0, 0, Some(10)).contains("no block of track 1"));
    assert!(wrong(0, 0, Some(0)).contains("Timestamp"));
    assert!(wrong(0, 0, Some(90)).contains("no element"));
    assert!(wrong(20, 0, None).contains("no block of track 1"));
    assert!(wrong(50, 0, None).contains("no block of track 1"));
}

#[test]
fn an_index_must_exist_to_be_checked() {
    let reader = |bytes| Reader::open(Cursor::new(bytes)).unwrap().check_index();
    assert!(matches!(reader(file("webm", head)), Err(Error::Missing { id: ids::SEEK_HEAD, .. })));
}
