//! Where a composed picture goes: home as planes for libvpx, as it is or rendered, or on through the kernels of our own
//! encoder.
#![forbid(unsafe_code)]

use super::coded::CodedFrame;
use super::host::HostFrame;
use super::rendering::Rendering;
use crate::vp9::native::device::Encoder;
use std::num::NonZeroU32;

/// What becomes of a picture.
pub enum Out<'a> {
    /// Only the state of the network is of interest; nothing is composed.
    State,
    /// Its planes are copied home.
    Planes(&'a mut HostFrame),
    /// Opaque outputs are rendered from it, and what they and others need is copied home.
    Rendered(&'a mut Rendering, &'a mut HostFrame),
    /// It is encoded, and what is left to be written comes home. The encoder goes on from the frame before.
    Coded(&'a mut Encoder, &'a mut CodedFrame),
}

/// Says for each frame of the ring where its picture goes.
pub(super) trait Target<F> {
    fn out<'a>(&'a mut self, frame: &'a mut F) -> Out<'a>;
}

impl Target<HostFrame> for Rendering {
    fn out<'a>(&'a mut self, frame: &'a mut HostFrame) -> Out<'a> {
        Out::Rendered(self, frame)
    }
}

/// A stream of coded frames, its key points evenly apart.
pub(super) struct Native<'e> {
    pub(super) encoder: &'e mut Encoder,
    /// Frames from one key point to the next.
    pub(super) key_interval: NonZeroU32,
    /// Frames since the last one.
    pub(super) since_key: u32,
}

impl<'e> Native<'e> {
    /// A stream whose first frame is a key point.
    pub(super) fn new(encoder: &'e mut Encoder, key_interval: NonZeroU32) -> Self {
        Self { encoder, key_interval, since_key: key_interval.get() }
    }
}

impl Target<CodedFrame> for Native<'_> {
    fn out<'a>(&'a mut self, frame: &'a mut CodedFrame) -> Out<'a> {
        frame.key = self.since_key >= self.key_interval.get();
        self.since_key = if frame.key { 1 } else { self.since_key + 1 };
        Out::Coded(self.encoder, frame)
    }
}
