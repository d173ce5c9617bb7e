//! Files built box by box, for tests.

use crate::media::tests::vp8_frame;

pub(super) fn bx(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
}

pub(super) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_be_bytes()).collect()
}

/// A file of one VP8 track; fields are changed by the tests.
pub(super) struct File {
    pub(super) quicktime: bool,
    pub(super) front: bool,
    pub(super) long_offsets: bool,
    pub(super) handler: &'static [u8; 4],
    pub(super) coding: &'static [u8; 4],
    pub(super) matrix: [u32; 9],
    /// Boxes of the sample entry.
    pub(super) entry: Vec<u8>,
    /// Boxes of trak.
    pub(super) trak: Vec<u8>,
    pub(super) stts: Vec<u32>,
    pub(super) ctts: Option<(u32, Vec<u32>)>,
    pub(super) stss: Option<Vec<u32>>,
    /// Movie ticks (1/1000 s), media ticks (1/90000 s).
    pub(super) elst: Vec<(u32, i32)>,
    pub(super) frames: Vec<Vec<u8>>,
    /// Boxes of moov.
    pub(super) moov: Vec<u8>,
}

impl Default for File {
    fn default() -> Self {
        File {
            quicktime: false,
            front: true,
            long_offsets: false,
            handler: b"vide",
            coding: b"vp08",
            matrix: [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000],
            entry: Vec::new(),
            trak: Vec::new(),
            stts: vec![4, 3000],
            ctts: None,
            stss: Some(vec![1, 3]),
            elst: Vec::new(),
            frames: (0..4).map(vp8_frame).collect(),
            moov: Vec::new(),
        }
    }
}

impl File {
    /// A file with further boxes in the sample entry and in trak.
    pub(super) fn with(entry: Vec<u8>, trak: Vec<u8>) -> Self {
        Self { entry, trak, ..Self::default() }
    }

    pub(super) fn moov(&self, data_at: u32) -> Vec<u8> {
        let entry_head = [&[0; 6][..], &[0, 1], &[0; 16], &[0, 16, 0, 8], &[0; 50]].concat();
        let stsd = bx(b"stsd", &[&words(&[0, 1]), &bx(self.coding, &[&entry_head, &self.entry])]);
        let table = |kind: &[u8; 4], version: u32, entries: &[u32], per: usize| {
            bx(kind, &[&words(&[version << 24, (entries.len() / per) as u32]), &words(entries)])
        };
        let sizes: Vec<u32> = self.frames.iter().map(|f| f.len() as u32).collect();
        // Two chunks: the first frame, and the others.
        let offsets = if self.frames.is_empty() { vec![] } else { vec![data_at, data_at + sizes[0]] };
        let stsc = match sizes.len() {
            0 => vec![],
            n => vec![1, 1, 1, 2, n as u32 - 1, 1],
        };
        let long: Vec<u32> = offsets.iter().flat_map(|o| [0, *o]).collect();
        let stbl = bx(
            b"stbl",
            &[
                &stsd,
                &table(b"stts", 0, &self.stts, 2),
                &self.ctts.as_ref().map_or(vec![], |(version, e)| table(b"ctts", *version, e, 2)),
                &self.stss.as_ref().map_or(vec![], |e| table(b"stss", 0, e, 1)),
                &table(b"stsc", 0, &stsc, 3),
                &bx(b"stsz", &[&words(&[0, 0, sizes.len() as u32]), &words(&sizes)]),
                &if self.long_offsets { table(b"co64", 0, &long, 2) } else { table(b"stco", 0, &offsets, 1) },
            ],
        );
        let hdlr = bx(b"hdlr", &[&words(&[0, 0]), self.handler, &words(&[0, 0, 0, 0])]);
        let mdhd = bx(b"mdhd", &[&words(&[0, 0, 0, 90_000, 12_000, 0])]);
        let mdia = bx(b"mdia", &[&mdhd, &hdlr, &bx(b"minf", &[&stbl])]);
        let elst: Vec<u32> = self.elst.iter().flat_map(|(d, t)| [*d, *t as u32, 0x10000]).collect();
        let edts = bx(b"edts", &[&table(b"elst", 0, &elst, 3)]);
        let tkhd = bx(
            b"tkhd",
            &[&words(&[1, 0, 0, 7, 0, 133, 0, 0, 0, 0]), &words(&self.matrix), &words(&[16 << 16, 8 << 16])],
        );
        let trak = bx(b"trak", &[&tkhd, if self.elst.is_empty() { &[] } else { &edts }, &mdia, &self.trak]);
        let mvhd = bx(b"mvhd", &[&words(&[0, 0, 0, 1000, 133]), &[0; 80]]);
        bx(b"moov", &[&mvhd, &trak, &self.moov])
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let ftyp = bx(b"ftyp", &[if self.quicktime { b"qt  " } else { b"isom" }, &words(&[0])]);
        let mdat = bx(b"mdat", &[&self.frames.concat()]);
        if self.front {
            let data_at = ftyp.len() + self.moov(0).len() + 8;
            [ftyp, self.moov(data_at as u32), mdat].concat()
        } else {
            let data_at = ftyp.len() as u32 + 8;
            [ftyp, mdat, self.moov(data_at)].concat()
        }
    }
}
