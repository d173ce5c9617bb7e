//! Which 16x16 blocks of a frame must be coded, told to each encoder of a pair by libvpx's active map.
//!
//! A block that is left out is copied from the frame before, so it must have been coded once since it
//! last changed: compose says where something is visible now, and what was coded before is remembered
//! here. This is the state of a stream and not of compose, so that a segment that starts with a key
//! frame elsewhere gives the same bytes. libvpx ignores the map on key frames, then forgets it.
//!
//! Every map is dilated by a block: the loop filter of a coded block reaches up to 8 pixels beyond it.
#![forbid(unsafe_code)]

use super::PlaneRef;
use crate::frame::{Composite, Size};

/// What an encoder is told about a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Coded<'a> {
    /// All of it may have changed.
    Everything,
    /// The blocks that are not 0, row by row.
    Blocks(&'a [u8]),
    /// It is the frame before.
    Nothing,
}

/// Frames for which a block is coded after it has come to rest: once as it now is.
const SETTLING_FRAMES: u8 = 1;

/// The blocks of one stream.
pub(super) struct ActiveMap {
    blocks: Size,
    /// For each block, frames for which it is still to be coded; counted down.
    left: Vec<u8>,
    /// `left`, dilated along rows.
    wide: Vec<u8>,
    map: Vec<u8>,
}

impl ActiveMap {
    pub fn new(frame: Size) -> Self {
        let blocks = blocks_of(frame);
        let none = vec![0; blocks.area()];
        Self { blocks, left: none.clone(), wide: none.clone(), map: none }
    }

    /// Goes on by a frame: what shows in the blocks that are not 0 in `visible`, the rest is constant.
    pub fn next(&mut self, key: bool, visible: Option<PlaneRef<'_>>) -> Coded<'_> {
        self.step(key, |x, y| visible.is_none_or(|visible| visible.row(y)[x] != 0))
    }

    /// Goes on by a frame. `changes` says of each block (column, row) whether it may differ from the
    /// frame before; on a key frame, whether the frame after it may.
    fn step(&mut self, key: bool, mut changes: impl FnMut(usize, usize) -> bool) -> Coded<'_> {
        let columns = self.blocks.width;
        let mut any = false;
        for y in 0..self.blocks.height {
            for (x, left) in self.left[y * columns..][..columns].iter_mut().enumerate() {
                *left = match (changes(x, y), key) {
                    (true, _) => 1 + SETTLING_FRAMES,
                    // Nothing from before a key frame matters.
                    (false, true) => 0,
                    (false, false) => left.saturating_sub(1),
                };
                any |= *left > 0;
            }
        }
        match (key, any) {
            (true, _) => Coded::Everything,
            (false, false) => Coded::Nothing,
            (false, true) => match self.dilate() {
                // Without a map the segments that stand for it need not be written.
                map if map.iter().all(|&active| active == 1) => Coded::Everything,
                map => Coded::Blocks(map),
            },
        }
    }

    /// The blocks that are still to be coded, and their neighbours.
    fn dilate(&mut self) -> &[u8] {
        let Self { blocks: Size { width, height }, left, wide, map } = self;
        let (width, height) = (*width, *height);
        for (wide, left) in wide.chunks_exact_mut(width).zip(left.chunks_exact(width)) {
            for (x, wide) in wide.iter_mut().enumerate() {
                let near = &left[x.saturating_sub(1)..(x + 2).min(width)];
                *wide = u8::from(near.iter().any(|&left| left > 0));
            }
        }
        for y in 0..height {
            let [above, below] = [y.saturating_sub(1), (y + 1).min(height - 1)];
            for x in 0..width {
                map[y * width + x] = wide[above * width + x] | wide[y * width + x] | wide[below * width + x];
            }
        }
        map
    }
}

/// Codes of clear and opaque in a plane of alpha.
pub(super) const ALPHA_ENDS: [u8; 2] = [0, 255];

/// What a block of a matte is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// All 0, or what stands for it.
    Clear,
    /// All 255, in the same way.
    Opaque,
    /// Anything else, or not known.
    Mixed,
}

/// The blocks of a matte: those that are all 0 or all 255 and have been so before do not change, so
/// the inside of a person need not be coded either.
pub(super) struct MatteActivity {
    map: ActiveMap,
    kinds: Vec<Kind>,
}

impl MatteActivity {
    pub fn new(frame: Size) -> Self {
        Self { map: ActiveMap::new(frame), kinds: vec![Kind::Mixed; blocks_of(frame).area()] }
    }

    /// Goes on by a frame. Reads `matte` in the blocks that are not 0 in `visible`; in all others it is clear.
    /// Without `visible` everything may have changed. `ends` are the codes of clear and opaque: [`ALPHA_ENDS`], or
    /// those of a grey picture.
    pub fn next(
        &mut self,
        key: bool,
        visible: Option<PlaneRef<'_>>,
        matte: PlaneRef<'_>,
        ends: [u8; 2],
    ) -> Coded<'_> {
        let Self { map, kinds } = self;
        let columns = map.blocks.width;
        map.step(key, |x, y| {
            let kind = match visible.map(|visible| visible.row(y)[x]) {
                Some(0) => Kind::Clear,
                Some(_) => kind_of(matte, ends, x, y),
                None => Kind::Mixed,
            };
            let before = std::mem::replace(&mut kinds[y * columns + x], kind);
            kind == Kind::Mixed || (kind != before && !key)
        })
    }
}

/// Looks at block (`column`, `row`) of `matte`.
fn kind_of(matte: PlaneRef<'_>, [clear, opaque]: [u8; 2], column: usize, row: usize) -> Kind {
    let [left, top] = [column, row].map(|at| at * Composite::BLOCK);
    let right = (left + Composite::BLOCK).min(matte.size.width);
    let bottom = (top + Composite::BLOCK).min(matte.size.height);
    let value = matte.row(top)[left];
    let kind = match value {
        _ if value == clear => Kind::Clear,
        _ if value == opaque => Kind::Opaque,
        _ => return Kind::Mixed,
    };
    // Rows are compared as wholes, 16 bytes at once.
    let flat = &[value; Composite::BLOCK][..right - left];
    let same = (top..bottom).all(|y| &matte.row(y)[left..right] == flat);
    if same { kind } else { Kind::Mixed }
}

/// Columns and rows of blocks of a frame.
pub(super) fn blocks_of(frame: Size) -> Size {
    Size::new(frame.width.div_ceil(Composite::BLOCK), frame.height.div_ceil(Composite::BLOCK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Plane;

    fn next(map: &mut ActiveMap, key: bool, changing: &[(usize, usize)]) -> Option<String> {
        let columns = map.blocks.width;
        let text = |bytes: &[u8]| {
            let rows = bytes.chunks(columns).map(|row| row.iter().map(u8::to_string).collect::<String>());
            rows.collect::<Vec<_>>().join(" ")
        };
        match map.step(key, |x, y| changing.contains(&(x, y))) {
            Coded::Everything => Some("all".to_owned()),
            Coded::Blocks(map) => Some(text(map)),
            Coded::Nothing => None,
        }
    }

    #[test]
    fn a_block_is_coded_while_it_changes_and_once_more_with_its_neighbours() {
        let mut map = ActiveMap::new(Size::new(5 * 16 - 3, 2 * 16 + 1));
        assert_eq!(next(&mut map, true, &[(0, 0)]).as_deref(), Some("all"));
        assert_eq!(next(&mut map, false, &[]).as_deref(), Some("11000 11000 00000"), "as before the key");
        assert_eq!(next(&mut map, false, &[]), None);
        assert_eq!(next(&mut map, false, &[(4, 2)]).as_deref(), Some("00000 00011 00011"));
        assert_eq!(next(&mut map, false, &[(2, 1)]).as_deref(), Some("01110 01111 01111"));
        assert_eq!(next(&mut map, true, &[]).as_deref(), Some("all"));
        assert_eq!(next(&mut map, false, &[]), None, "nothing from before the key");
    }

    #[test]
    fn a_matte_changes_where_it_is_mixed_or_turns_over() {
        let size = Size::new(8 * 16 - 5, 10);
        let visible = Plane::filled(blocks_of(size), 1u8);
        let mut activity = MatteActivity::new(size);
        let mut step = |key, blocks: [u8; 8]| {
            let mut matte = Plane::new(size);
            (0..size.width).for_each(|x| (0..10).for_each(|y| matte.row_mut(y)[x] = blocks[x / 16]));
            match activity.next(key, Some((&visible).into()), (&matte).into(), ALPHA_ENDS) {
                Coded::Blocks(map) => map.to_vec(),
                Coded::Everything => vec![1; 8],
                Coded::Nothing => vec![0; 8],
            }
        };
        assert_eq!(step(true, [0, 255, 0, 0, 0, 0, 0, 0]), [1; 8]);
        assert_eq!(step(false, [0, 255, 0, 0, 0, 0, 0, 0]), [0; 8], "flat since the key frame");
        assert_eq!(step(false, [0, 255, 0, 0, 0, 0, 0, 255]), [0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(step(false, [0, 255, 0, 0, 0, 0, 0, 255]), [0, 0, 0, 0, 0, 0, 1, 1], "once more");
        assert_eq!(step(false, [0, 255, 0, 0, 0, 0, 0, 255]), [0; 8]);
        assert_eq!(step(false, [0, 255, 0, 0, 254, 0, 0, 255]), [0, 0, 0, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn one_pixel_makes_a_block_mixed() {
        let size = Size::new(40, 20);
        for (x, y) in [(32, 0), (39, 19), (35, 16)] {
            let mut matte = Plane::filled(size, 255u8);
            matte.row_mut(y)[x] = 254;
            let kinds =
                [0, 1].map(|row| [0, 1, 2].map(|column| kind_of((&matte).into(), ALPHA_ENDS, column, row)));
            let mixed = kinds.concat().iter().filter(|&&kind| kind == Kind::Mixed).count();
            assert_eq!((mixed, kinds[y / 16][2]), (1, Kind::Mixed));
        }
        assert_eq!(kind_of((&Plane::new(size)).into(), ALPHA_ENDS, 2, 1), Kind::Clear);
    }
}
