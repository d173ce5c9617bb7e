//! The thread on the child's stdout: NUT frames into pictures, each read straight into its planes.
#![forbid(unsafe_code)]

use std::io::Read;
use std::sync::Mutex;

use crossbeam_channel::Sender;

use super::clock::Clock;
use super::nut::{Frame, Reader, Video};
use super::nut_input::Fault;
use super::pipe::bytes_of;
use crate::frame::{Picture, Samples, Size, Yuv420};
use crate::software::watch::{Message, Pulse};
use crate::software::{Error, StreamInfo};

/// What the reader works on.
pub(super) struct Pictures<'a, R> {
    pub(super) info: &'a StreamInfo,
    pub(super) clock: &'a Mutex<Clock>,
    pub(super) pulse: &'a Pulse,
    pub(super) nut: Reader<R>,
    pub(super) count: u64,
}

impl<R: Read> Pictures<'_, R> {
    /// Sends every picture into `queue`, to the end of the stream or until nobody listens.
    pub(super) fn pump(&mut self, queue: &Sender<Message>) -> Result<(), Fault> {
        while let Some(frame) = self.nut.next_frame()? {
            let picture = self.picture(frame)?;
            self.count += 1;
            if queue.send(Message::Picture(picture)).is_err() {
                return Ok(());
            }
            // The wait for room in the queue was the user's, not the child's.
            self.pulse.beat();
        }
        Ok(())
    }

    fn picture(&mut self, frame: Frame) -> Result<Picture, Fault> {
        let info = self.info;
        let video =
            self.nut.video().ok_or(Fault::Malformed { what: "frame before the headers", at_byte: 0 })?;
        self.check(video, frame)?;
        let (pts, unseen) = self
            .clock
            .lock()
            .unwrap_or_else(|held| held.into_inner())
            .pts(frame.stamp_ms)
            .map_err(Fault::Wrong)?;
        self.pulse.count_unseen(unseen);
        let samples = if info.depth == 8 {
            let mut yuv = Yuv420::<u8>::new(info.size);
            for plane in [&mut yuv.y, &mut yuv.u, &mut yuv.v] {
                self.nut.fill(&mut plane.data)?;
            }
            Samples::Eight(yuv)
        } else {
            let mut yuv = Yuv420::<u16>::new(info.size);
            for plane in [&mut yuv.y, &mut yuv.u, &mut yuv.v] {
                self.nut.fill(bytes_of(&mut plane.data))?;
                if cfg!(target_endian = "big") {
                    plane.data.iter_mut().for_each(|sample| *sample = u16::from_le(*sample));
                }
            }
            Samples::Sixteen(yuv)
        };
        Ok(Picture { pts, size: info.size, depth: info.depth, colour: info.colour, samples })
    }

    /// Raw video has no header of its own: format by the stream's four-character code, and a
    /// change of size by the number of bytes.
    fn check(&self, video: Video, frame: Frame) -> Result<(), Fault> {
        let (info, picture) = (self.info, self.count);
        let got = Size::new(video.width as usize, video.height as usize);
        if got != info.size {
            return Err(Fault::Wrong(Error::Size { picture, expected: info.size, got }));
        }
        let bits = match video.fourcc {
            [b'I', b'4', b'2', b'0'] => Some(8),
            [b'Y', b'3', 11, bits] => Some(bits),
            _ => None,
        };
        let sample_bytes = if info.depth == 8 { 1 } else { 2 };
        let bytes = (info.size.area() + 2 * info.size.chroma().area()) * sample_bytes;
        let format = |got| {
            Fault::Wrong(Error::Format { picture, expected: format!("4:2:0, {} bits", info.depth), got })
        };
        match bits {
            Some(bits) if bits == info.depth => {}
            Some(bits) => return Err(format(format!("4:2:0, {bits} bits"))),
            None => return Err(format(format!("raw video `{}`", video.fourcc.escape_ascii()))),
        }
        if frame.bytes != bytes as u64 {
            return Err(format(format!(
                "{} bytes where {bytes} are a picture of {}",
                frame.bytes, info.size
            )));
        }
        Ok(())
    }
}
