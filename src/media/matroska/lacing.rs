//! Takes a block apart: track, time, flags, and the frames laced into it.
//!
//! Pure; input is bytes of any kind. Spec: RFC 9559 §10.
#![forbid(unsafe_code)]

/// The start of a Block or SimpleBlock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BlockHead {
    pub(super) track: u64,
    /// Ticks from the cluster's time.
    pub(super) relative: i16,
    flags: u8,
    /// Bytes of the head.
    pub(super) bytes: usize,
}

/// Longest head: a track number of 8 bytes, time and flags.
pub(super) const MAX_HEAD_BYTES: u64 = 11;

impl BlockHead {
    /// Reads the start of a block; `None` when it is too short.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let (track, length) = number(data)?;
        let rest = data.get(length..length + 3)?;
        let relative = i16::from_be_bytes([rest[0], rest[1]]);
        Some(Self { track, relative, flags: rest[2], bytes: length + 3 })
    }

    /// The frames in `body`, what follows the head; `None` where their sizes do not fit into it.
    pub(super) fn frames<'a>(&self, body: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        let lacing = self.flags >> 1 & 3;
        if lacing == 0 {
            return Some(vec![body]);
        }
        let (&last, mut rest) = body.split_first()?;
        let count = usize::from(last) + 1;
        let mut sizes = Vec::with_capacity(count);
        match lacing {
            1 => {
                for _ in 1..count {
                    let mut size = 0;
                    loop {
                        let (&byte, more) = rest.split_first()?;
                        (size, rest) = (size + usize::from(byte), more);
                        if byte != 255 {
                            break;
                        }
                    }
                    sizes.push(size);
                }
            }
            3 => {
                let mut size = 0i64;
                for index in 1..count {
                    let (value, length) = number(rest)?;
                    rest = rest.get(length..)?;
                    let value = i64::try_from(value).ok()?;
                    // The first size is itself, the others are differences about the middle.
                    size = if index == 1 {
                        value
                    } else {
                        size.checked_add(value - ((1 << (7 * length - 1)) - 1))?
                    };
                    sizes.push(usize::try_from(size).ok()?);
                }
            }
            _ => {
                if !rest.len().is_multiple_of(count) {
                    return None;
                }
                sizes = vec![rest.len() / count; count - 1];
            }
        }
        let mut frames = Vec::with_capacity(count);
        for size in sizes {
            let (frame, more) = rest.split_at_checked(size)?;
            frames.push(frame);
            rest = more;
        }
        frames.push(rest);
        Some(frames)
    }
}

/// A number of one to eight bytes, and how many.
fn number(data: &[u8]) -> Option<(u64, usize)> {
    let length = data.first()?.leading_zeros() as usize + 1;
    let coded = data.get(..length).filter(|_| length <= 8)?;
    let mask = (1u64 << (7 * length)) - 1;
    Some((coded.iter().fold(0u64, |n, &b| n << 8 | u64::from(b)) & mask, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(block: &[u8]) -> Option<Vec<Vec<u8>>> {
        let head = BlockHead::parse(block)?;
        Some(head.frames(&block[head.bytes..])?.into_iter().map(<[u8]>::to_vec).collect())
    }

    #[test]
    fn every_lacing_by_hand() {
        let head = BlockHead::parse(&[0x40, 0x81, 0xFF, 0xFE, 0x80]).unwrap();
        assert_eq!((head.track, head.relative, head.bytes), (0x81, -2, 5));
        assert_eq!(frames(&[0x81, 0, 0, 0, 7, 8]), Some(vec![vec![7, 8]]));
        // Xiph: three frames of 2, 1 and the rest.
        assert_eq!(
            frames(&[0x81, 0, 0, 2, 2, 2, 1, 1, 2, 3, 4, 5]),
            Some(vec![vec![1, 2], vec![3], vec![4, 5]])
        );
        let long = [&[0x81, 0, 0, 2, 1, 255, 45][..], &[9; 300], &[1]].concat();
        assert_eq!(frames(&long), Some(vec![vec![9; 300], vec![1]]));
        // EBML: 2, 2 - 1, the rest.
        assert_eq!(
            frames(&[0x81, 0, 0, 6, 2, 0x82, 0x80 | 62, 1, 2, 3, 4, 5]),
            Some(vec![vec![1, 2], vec![3], vec![4, 5]])
        );
        assert_eq!(frames(&[0x81, 0, 0, 4, 1, 1, 2, 3, 4]), Some(vec![vec![1, 2], vec![3, 4]]));
        assert_eq!(frames(&[0x81, 0, 0, 4, 1, 1, 2, 3]), None);
        assert_eq!(frames(&[0x81, 0, 0, 2, 1, 9, 1]), None);
        assert_eq!(frames(&[0x81, 0, 0, 6, 2, 0x81, 0x80, 1, 2]), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(block in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
            frames(&block);
        }
    }
}
