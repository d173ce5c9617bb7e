//! The presets of our own encoder, its pixels worked on by the CPU reference, whose result is the GPU's bit for bit
//! and whose time says nothing.

use std::sync::Arc;

use vrpipe::frame::Composite;
use vrpipe::vp9::Quality;
use vrpipe::vp9::native::PairWriter;
use vrpipe::vp9::native::pixels::Encoder;

use super::Encoded;

/// Encodes the clip; the processor time is that of the bits alone.
pub fn encode(clip: &[Arc<Composite>], quality: Quality) -> anyhow::Result<Encoded> {
    let size = clip[0].alpha.size;
    let levels = quality.native_levels(None);
    let tunings = levels.tunings();
    let mut encoders = tunings.of(true).map(|tuning| Encoder::new(size, tuning));
    let mut writer = PairWriter::new(size, super::frames::COLOUR, levels, 1)?;
    let (mut pairs, mut cpu_seconds) = (Vec::new(), 0.0);
    for (i, frame) in clip.iter().enumerate() {
        let key = i == 0;
        let colour = &frame.colour;
        let sources = [vec![&colour.y, &colour.u, &colour.v], vec![&frame.alpha]];
        let mut coded = Vec::new();
        for ((encoder, source), tuning) in encoders.iter_mut().zip(sources).zip(tunings.of(key)) {
            encoder.set_tuning(tuning);
            coded.push(encoder.encode(&source, &frame.activity, key));
        }
        let start = super::cpu_seconds(libc::RUSAGE_SELF);
        pairs.push(writer.write(&[coded[0].coded(), coded[1].coded()], key, i as i64)?);
        cpu_seconds += super::cpu_seconds(libc::RUSAGE_SELF) - start;
    }
    let name = serde_json::to_value(quality)?;
    Ok(Encoded { label: format!("native, {}", name.as_str().unwrap_or("?")), cpu_seconds, pairs })
}
