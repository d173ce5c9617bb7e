//! The index of every input against a read from its start, and a read from every key packet.

use std::path::Path;

use vrpipe::media::Source;
use vrpipe::packet::Packet;

use crate::inputs;

fn rest(source: &mut Source) -> Vec<Packet> {
    std::iter::from_fn(|| source.next_packet().unwrap()).collect()
}

fn check(file: &Path) {
    let name = file.file_name().unwrap().to_str().unwrap();
    let all = rest(&mut Source::open(file).unwrap());
    let index = Source::open(file).unwrap().index().unwrap_or_else(|e| panic!("{name}: {e}"));
    let listed: Vec<(i64, bool)> = index.packets.iter().map(|p| (p.pts, p.key)).collect();
    assert_eq!(listed, all.iter().map(|p| (p.pts, p.key)).collect::<Vec<_>>(), "{name}");
    let keys: Vec<usize> = (0..all.len()).filter(|&i| all[i].key).collect();
    assert_eq!(index.keys.iter().map(|k| k.ordinal).collect::<Vec<_>>(), keys, "{name}");
    assert_eq!(keys.first(), Some(&0), "{name}");
    // One source goes back and forth, as a lane that takes segments in any order does.
    let mut source = Source::open(file).unwrap();
    for point in index.keys.iter().rev().chain(&index.keys) {
        source.seek(point).unwrap();
        assert_eq!(point.pts, all[point.ordinal].pts, "{name}");
        assert!(rest(&mut source) == all[point.ordinal..], "{name} from packet {}", point.ordinal);
    }
}

#[test]
fn reading_from_any_key_packet_gives_what_reading_from_the_start_gives() {
    let Some(files) = inputs::made("reading_from_any_key_packet") else { return };
    files.iter().for_each(|file| check(file));
}

#[test]
fn the_clips_are_indexed_as_they_are_read() {
    let Some(files) = inputs::clips("the_clips_are_indexed") else { return };
    files.iter().for_each(|file| check(file));
}
