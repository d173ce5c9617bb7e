//! Chapter tracks: files made box by box, the same ones damaged.

use super::made::{File, bx, words};
use crate::media::Info;
use crate::media::info::Chapter;
use crate::media::tests::open;

/// A track of texts, ID 9, at 600 ticks a second.
struct Track {
    handler: &'static [u8; 4],
    coding: &'static [u8; 4],
    samples: Vec<Vec<u8>>,
    stts: Vec<u32>,
    /// Movie ticks (1/1000 s), media ticks.
    elst: Vec<(u32, i32)>,
}

impl Default for Track {
    fn default() -> Self {
        let encoding = bx(b"encd", &[&words(&[0x100])]);
        Self {
            handler: b"text",
            coding: b"text",
            samples: vec![[text("One".as_bytes()), encoding].concat(), text("Zwölf".as_bytes())],
            stts: vec![1, 900, 1, 300],
            elst: Vec::new(),
        }
    }
}

fn text(title: &[u8]) -> Vec<u8> {
    [&(title.len() as u16).to_be_bytes()[..], title].concat()
}

impl Track {
    /// The trak box, with all samples in one chunk at `data_at`.
    fn trak(&self, data_at: u32) -> Vec<u8> {
        let table = |kind: &[u8; 4], entries: &[u32], per: usize| {
            bx(kind, &[&words(&[0, (entries.len() / per) as u32]), &words(entries)])
        };
        let sizes: Vec<u32> = self.samples.iter().map(|s| s.len() as u32).collect();
        let stbl = bx(
            b"stbl",
            &[
                &bx(b"stsd", &[&words(&[0, 1]), &bx(self.coding, &[&[0; 6], &[0, 1], &[0; 44]])]),
                &table(b"stts", &self.stts, 2),
                &table(b"stsc", &[1, sizes.len() as u32, 1], 3),
                &bx(b"stsz", &[&words(&[0, 0, sizes.len() as u32]), &words(&sizes)]),
                &table(b"stco", &[data_at], 1),
            ],
        );
        let hdlr = bx(b"hdlr", &[&words(&[0, 0]), self.handler, &words(&[0, 0, 0, 0])]);
        let mdhd = bx(b"mdhd", &[&words(&[0, 0, 0, 600, 1200, 0])]);
        let mdia = bx(b"mdia", &[&mdhd, &hdlr, &bx(b"minf", &[&stbl])]);
        let elst: Vec<u32> = self.elst.iter().flat_map(|(d, t)| [*d, *t as u32, 0x10000]).collect();
        let edts = bx(b"edts", &[&table(b"elst", &elst, 3)]);
        // Not enabled, as these tracks are.
        let tkhd = bx(b"tkhd", &[&words(&[0, 0, 0, 9, 0, 133, 0, 0, 0, 0]), &[0; 44]]);
        bx(b"trak", &[&tkhd, if self.elst.is_empty() { &[] } else { &edts }, &mdia])
    }

    /// A film whose video points to `ids`, with this track and `more` in moov.
    fn film_with(&self, ids: &[u32], more: &[u8]) -> Vec<u8> {
        let chap = bx(b"tref", &[&bx(b"hint", &[&words(&[9])]), &bx(b"chap", &[&words(ids)])]);
        let film = |data_at| {
            let mut file = File::with(Vec::new(), chap.clone());
            file.moov = [&self.trak(data_at), more].concat();
            file.bytes()
        };
        let data_at = film(0).len() as u32 + 8;
        [film(data_at), bx(b"mdat", &[&self.samples.concat()])].concat()
    }

    fn film(&self) -> Vec<u8> {
        self.film_with(&[9], &[])
    }

    fn read(&self) -> Vec<(i64, Option<i64>, String)> {
        plain(info(&self.film()).chapters)
    }

    fn titles(&self) -> Vec<String> {
        self.read().into_iter().map(|(_, _, title)| title).collect()
    }
}

fn info(bytes: &[u8]) -> Info {
    open(bytes).unwrap().info().clone()
}

/// In milliseconds.
fn plain(chapters: Vec<Chapter>) -> Vec<(i64, Option<i64>, String)> {
    let ms = |ns: i64| ns / 1_000_000;
    chapters.into_iter().map(|c| (ms(c.start_ns), c.end_ns.map(ms), c.title)).collect()
}

fn chpl() -> Vec<u8> {
    let list = [&[1, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 8], &[4], b"Nero"].concat();
    bx(b"udta", &[&bx(b"chpl", &[&list])])
}

#[test]
fn each_sample_is_a_chapter() {
    let expected = [(0, Some(1500), "One".to_owned()), (1500, Some(2000), "Zwölf".to_owned())];
    for (handler, coding) in [(b"text", b"text"), (b"text", b"tx3g"), (b"sbtl", b"tx3g")] {
        let track = Track { handler, coding, ..Track::default() };
        let info = info(&track.film_with(&[9], &chpl()));
        assert_eq!(plain(info.chapters), expected);
        assert_eq!((info.other_tracks, info.audio.len()), (0, 0));
    }
}

#[test]
fn what_is_no_chapter_track_leaves_the_list_of_nero() {
    let nero = [(0, None, "Nero".to_owned())];
    let subtitles = Track { handler: b"subt", ..Track::default() };
    let other = Track { coding: b"c608", ..Track::default() };
    let empty = Track { samples: vec![Vec::new()], stts: vec![1, 1], ..Track::default() };
    let good = Track::default();
    // No reference, one to nothing, one to the video itself.
    let unused: [(&Track, &[u32]); 6] =
        [(&subtitles, &[9]), (&other, &[9]), (&empty, &[9]), (&good, &[]), (&good, &[5]), (&good, &[7])];
    for (track, ids) in unused {
        let info = info(&track.film_with(ids, &chpl()));
        assert_eq!((plain(info.chapters), info.other_tracks), (nero.to_vec(), 1), "{ids:?}");
    }
    assert_eq!(plain(info(&good.film_with(&[5, 7, 9], &chpl())).chapters).len(), 2);
}

#[test]
fn titles_of_every_encoding() {
    let units = |of: fn(u16) -> [u8; 2]| "\u{feff}Grüß 🎬".encode_utf16().flat_map(of).collect::<Vec<u8>>();
    let long = "ö".repeat(600);
    // A number that goes beyond the sample; nothing but the number; not even that.
    let cut = [&[0xff, 0xff][..], b"cut"].concat();
    let samples = vec![
        text(&units(u16::to_be_bytes)),
        text(&units(u16::to_le_bytes)),
        text("\u{feff}mark \0".as_bytes()),
        text(b"\xff\xfe\0"),
        text(&[0xc3]),
        text(long.as_bytes()),
        cut,
        text(b""),
        vec![0],
    ];
    let track = Track { samples, stts: vec![9, 10], ..Track::default() };
    let half = "ö".repeat(500);
    let expected = ["Grüß 🎬", "Grüß 🎬", "mark", "", "\u{fffd}", &half, "cut", ""];
    assert_eq!(track.titles(), expected);
    let odd = Track { samples: vec![text(format!("x{long}").as_bytes())], ..Track::default() };
    let odd = Track { stts: vec![1, 1], ..odd };
    assert_eq!(odd.titles(), [format!("x{}", "ö".repeat(499))], "no half of a character");
}

#[test]
fn edit_lists_move_and_bound_chapters() {
    let with = |elst: &[(u32, i32)]| Track { elst: elst.to_vec(), ..Track::default() }.read();
    let named = |start, end, title: &str| (start, Some(end), title.to_owned());
    assert_eq!(with(&[(500, -1), (2000, 0)]), [named(500, 2000, "One"), named(2000, 2500, "Zwölf")]);
    // Begins within the first, ends within the second.
    assert_eq!(with(&[(900, 600)]), [named(0, 500, "One"), named(500, 900, "Zwölf")]);
    // The first is over before it begins.
    assert_eq!(with(&[(400, 900)]), [named(0, 400, "Zwölf")]);
    assert_eq!(with(&[(1000, 0)]), [named(0, 1000, "One")], "ends before the second");
    assert_eq!(with(&[(500, 600), (500, 0)]), [], "an order that cannot be followed");
    let endless = Track { stts: vec![1, 900, 1, 0], ..Track::default() };
    assert_eq!(endless.read()[1], (1500, None, "Zwölf".to_owned()));
}

#[test]
fn no_more_than_a_thousand() {
    let track = Track { samples: vec![text(b"x"); 1001], stts: vec![1001, 1], ..Track::default() };
    assert_eq!(track.titles().len(), 1000);
}

#[test]
fn damage_costs_chapters_and_nothing_else() {
    let whole = Track::default().film();
    let find = |bytes: &[u8]| whole.windows(bytes.len()).position(|w| w == bytes).unwrap();
    let text_at = find(b"text\0\0\0\0\0\0\0\0");
    let video_end = whole.windows(4).rposition(|w| w == b"mdat").unwrap() - 4;
    let (tables_at, moov_end) = (text_at + find_in(&whole[text_at..], b"stts") - 4, find(b"mdat") - 4);
    for at in 0..whole.len() {
        match open(&whole[..at]) {
            Ok(source) => assert!(at >= moov_end && source.info().chapters.len() < 2, "{at}"),
            // The first frame is looked into.
            Err(_) => assert!(at < video_end, "{at}"),
        }
    }
    for at in find(b"tref")..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            let opened = open(&damaged);
            assert!(opened.is_ok() || !(tables_at..moov_end).contains(&at), "{at} {value}");
        }
    }
}

fn find_in(bytes: &[u8], kind: &[u8; 4]) -> usize {
    bytes.windows(4).position(|w| w == kind).unwrap()
}
