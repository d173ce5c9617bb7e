//! NAL units: parameter sets of configuration records, units of a length-prefixed sample, and the
//! removal of emulation prevention.
//!
//! Borrowed slices in and out. Spec: ISO/IEC 14496-15 §5.3.3.1 (avcC) and §8.3.3.1 (hvcC), ITU-T
//! H.264 §7.4.1.
#![forbid(unsafe_code)]

/// The parts of an avcC or hvcC record that matter here.
pub(super) struct Record<'a> {
    /// Bytes of a length prefix: 1, 2 or 4 (3 is read, too).
    pub(super) length_bytes: usize,
    /// Parameter sets and SEI units in the record's order.
    pub(super) units: Vec<&'a [u8]>,
}

/// Takes `n` bytes off the front.
fn take<'a>(data: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, tail) = data.split_at_checked(n)?;
    *data = tail;
    Some(head)
}

fn take_u16(data: &mut &[u8]) -> Option<usize> {
    take(data, 2).map(|b| usize::from(b[0]) << 8 | usize::from(b[1]))
}

/// Reads an AVCDecoderConfigurationRecord.
pub(super) fn avc_record(mut data: &[u8]) -> Option<Record<'_>> {
    let head = take(&mut data, 6)?;
    if head[0] != 1 {
        return None;
    }
    let mut units = Vec::new();
    for _ in 0..head[5] & 31 {
        let n = take_u16(&mut data)?;
        units.push(take(&mut data, n)?);
    }
    for _ in 0..take(&mut data, 1)?[0] {
        let n = take_u16(&mut data)?;
        units.push(take(&mut data, n)?);
    }
    Some(Record { length_bytes: usize::from(head[4] & 3) + 1, units })
}

/// Reads an HEVCDecoderConfigurationRecord.
pub(super) fn hevc_record(mut data: &[u8]) -> Option<Record<'_>> {
    let head = take(&mut data, 23)?;
    // Version 0 was written by early muxers with the same layout.
    if head[0] > 1 {
        return None;
    }
    let mut units = Vec::new();
    for _ in 0..head[22] {
        take(&mut data, 1)?;
        for _ in 0..take_u16(&mut data)? {
            let n = take_u16(&mut data)?;
            units.push(take(&mut data, n)?);
        }
    }
    Some(Record { length_bytes: usize::from(head[21] & 3) + 1, units })
}

/// Walks the units of a length-prefixed sample; yields `Err(position)` once where a length leads
/// out of the sample, then ends.
pub(super) fn units(sample: &[u8], length_bytes: usize) -> impl Iterator<Item = Result<&[u8], usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= sample.len() {
            return None;
        }
        let unit = sample.get(at..at + length_bytes).and_then(|prefix| {
            let n = prefix.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
            let from = at + length_bytes;
            sample.get(from..from.checked_add(n)?)
        });
        let start = at;
        at = unit.map_or(sample.len(), |unit| start + length_bytes + unit.len());
        Some(unit.ok_or(start))
    })
}

/// Header bytes of a unit without emulation prevention (00 00 03 becomes 00 00); at most 4 KiB,
/// which no sequence parameter set that means anything fills.
pub(super) fn unescape(unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len().min(4096));
    let mut zeros = 0;
    for &byte in unit.iter().take(4096) {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}
