//! Random coded frames, and what decoders make of packets.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::frame::Size;
use crate::vp9::native::{Block, Coded, Motion, Parameters};
use crate::vp9::{Content, Decoder};

pub const KEY: Parameters = Parameters { base_q_index: 1, filter_level: 0, key: true };
pub const INTER: Parameters = Parameters { key: false, ..KEY };
pub const MATTE: Content = Content::Matte;

/// Sizes with every kind of edge, and two with more than one tile.
pub const SIZES: [Size; 10] = [
    Size::new(1, 1),
    Size::new(8, 8),
    Size::new(17, 17),
    Size::new(66, 66),
    Size::new(130, 70),
    Size::new(257, 257),
    Size::new(600, 40),
    Size::new(9, 100),
    Size::new(1090, 90),
    Size::new(4100, 72),
];

/// A small generator (xorshift), so that a failing seed can be run again.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 20) % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// -n to n.
    pub fn around(&mut self, n: i32) -> i32 {
        self.below(2 * n as usize + 1) as i32 - n
    }
}

/// A coded frame that owns what it is made of.
#[derive(Clone)]
pub struct Scene {
    pub size: Size,
    pub index: Vec<u32>,
    pub blocks: Vec<Block>,
    pub levels: Vec<i16>,
}

impl Scene {
    pub fn new(size: Size) -> Self {
        Self { size, index: vec![0; Coded::cells(size).area()], blocks: Vec::new(), levels: Vec::new() }
    }

    pub fn coded(&self) -> Coded<'_> {
        Coded { size: self.size, index: &self.index, blocks: &self.blocks, levels: &self.levels }
    }

    /// Whether all four 8x8 blocks of a cell lie in the frame.
    pub fn complete(&self, cell: usize) -> bool {
        let (x, y) = self.place(cell);
        x + 8 < self.size.width && y + 8 < self.size.height
    }

    /// The first pixel of a cell.
    pub fn place(&self, cell: usize) -> (usize, usize) {
        let across = Coded::cells(self.size).width;
        (cell % across * 16, cell / across * 16)
    }

    /// Whether the 8x8 block `quarter` of a cell lies in the frame.
    pub fn has(&self, cell: usize, quarter: usize) -> bool {
        let (x, y) = self.place(cell);
        x + quarter % 2 * 8 < self.size.width && y + quarter / 2 * 8 < self.size.height
    }

    /// Puts a block into a cell: motion, and levels of each transform block in their order.
    pub fn put(&mut self, cell: usize, whole: bool, motion: [Motion; 4], levels: &[Vec<i16>]) {
        let mut ends = [0; 12];
        let first_level = self.levels.len() as u32;
        for (end, levels) in ends.iter_mut().zip(levels) {
            *end = levels.len() as u16;
            self.levels.extend(levels);
        }
        self.blocks.push(Block { motion, first_level, whole: whole.into(), ends });
        self.index[cell] = self.blocks.len() as u32;
    }

    /// One cell in `sparse` with random content; motion up to `reach` pixels, or across the frame.
    pub fn random(size: Size, random: &mut Random, sparse: usize, reach: i32) -> Self {
        let mut scene = Self::new(size);
        for cell in 0..scene.index.len() {
            if !random.one_in(sparse) {
                continue;
            }
            let whole = scene.complete(cell) && random.one_in(2);
            let (x, y) = scene.place(cell);
            let one = motion(random, size, x, y, reach);
            let mut motions = [one; 4];
            if !whole {
                motions =
                    [(); 4].map(|()| if random.one_in(3) { one } else { motion(random, size, x, y, reach) });
            }
            let most: &[usize] =
                if whole { &[256, 64, 64] } else { &[64, 64, 64, 64, 16, 16, 16, 16, 16, 16, 16, 16] };
            let empty = random.one_in(3);
            let levels: Vec<_> = (most.iter().enumerate())
                .map(|(n, &most)| match whole || scene.has(cell, n % 4) {
                    true if !empty => levels(random, most),
                    _ => Vec::new(),
                })
                .collect();
            scene.put(cell, whole, motions, &levels);
        }
        scene
    }
}

/// An even motion, often one of a few and often none.
fn motion(random: &mut Random, size: Size, x: usize, y: usize, reach: i32) -> Motion {
    let mut part = |at: usize, all: usize| match random.below(8) {
        0..2 => 0,
        2..4 => 8,
        4..7 => random.around(reach * 4) * 2,
        // Anywhere that begins no more than 64 pixels outside.
        _ => (random.below(all + 128) as i32 - 64 - at as i32).clamp(-1000, 1000) * 8,
    };
    Motion { row: part(y, size.height) as i16, column: part(x, size.width) as i16 }
}

/// Levels that no decoder's 16 bits overflow on at the finest quantiser: many small or one large.
fn levels(random: &mut Random, most: usize) -> Vec<i16> {
    let mut levels = vec![0i16; random.below(most + 1)];
    let end = levels.len();
    match random.below(6) {
        0 => levels.clear(),
        1 => levels.iter_mut().for_each(|level| *level = random.around(3) as i16),
        2 => sprinkle(random, &mut levels, 8, 20),
        3 => levels.truncate(3.min(end)),
        // Around every border between tokens.
        4 => levels = vec![[4, 5, 6, 7, 10, 11, 18, 19, 34, 35, 66, 67, 68, 1000, 4000][random.below(15)]],
        _ => sprinkle(random, &mut levels, 20, 90),
    }
    if let Some(last) = levels.last_mut().filter(|last| **last == 0) {
        *last = if random.one_in(2) { 1 } else { -1 };
    }
    levels
}

/// Sets one level in `sparse` to something up to `most`.
fn sprinkle(random: &mut Random, levels: &mut [i16], sparse: usize, most: i32) {
    for level in levels {
        if random.one_in(sparse) {
            *level = random.around(most) as i16;
        }
    }
}

/// The planes of each picture as libvpx sees them.
pub fn libvpx(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new(1).unwrap();
    let mut picture = |packet: &Vec<u8>| {
        let frame = decoder.decode(packet).unwrap().unwrap();
        let rows = |plane: crate::vp9::PlaneRef<'_>| -> Vec<u8> {
            let row = |y| plane.data[y * plane.stride..][..plane.size.width].to_vec();
            (0..plane.size.height).flat_map(row).collect()
        };
        frame.planes().unwrap().into_iter().flat_map(rows).collect()
    };
    packets.iter().map(&mut picture).collect()
}

/// All planes of all pictures as ffmpeg's own decoder sees them; `None` without ffmpeg.
pub fn ffmpeg(test: &str, size: Size, packets: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut file = b"DKIF\0\0\x20\0VP90".to_vec();
    file.extend((size.width as u16).to_le_bytes());
    file.extend((size.height as u16).to_le_bytes());
    for field in [30, 1, packets.len() as u32, 0] {
        file.extend(field.to_le_bytes());
    }
    for (number, packet) in packets.iter().enumerate() {
        file.extend((packet.len() as u32).to_le_bytes());
        file.extend((number as u64).to_le_bytes());
        file.extend(packet);
    }
    let mut input = tempfile::NamedTempFile::new().unwrap();
    input.write_all(&file).unwrap();
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-f", "ivf", "-c:v", "vp9", "-threads", "1", "-i"])
        .arg(input.path())
        .args(["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: {test}: no ffmpeg in PATH");
        return None;
    };
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}
