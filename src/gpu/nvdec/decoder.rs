//! The decoder as its user sees it: opened with a stream and a feed, asked for surfaces, dropped.
//!
//! The thread behind it is told to `worker`. Dropping stops it; surfaces still held stay good, and
//! the decoder's memory is freed with the last of them.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};

use crate::frame::Size;
use crate::gpu::{Device, Stream};
use crate::media::{Chroma, VideoTrack};
use crate::packet::{Codec, Packet};
use crate::units::TimeBase;

use super::failure::FirstError;
use super::payload::Payload;
use super::session::{Message, Session};
use super::watch::Watch;
use super::{Error, Library, Surface, Tally, worker};

/// Gives the next packet in decode order, `None` after the last; called on the decoding thread.
pub type Feed = Box<dyn FnMut() -> Result<Option<Packet>, Box<dyn std::error::Error + Send + Sync>> + Send>;

/// How long dropping a decoder waits for its thread, and how long after that thread was found to hang.
const PATIENCE: Duration = Duration::from_secs(20);
const PATIENCE_STALLED: Duration = Duration::from_millis(500);

/// What the container says about the stream.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    /// Codec.
    pub codec: Codec,
    /// Visible size. A stream of another size is an error.
    pub size: Size,
    /// Columns cut off on the left and rows cut off at the top of the coded picture: refused unless 0.
    pub crop: [usize; 2],
    /// Bits per sample. A stream of another depth is an error.
    pub depth: u8,
    /// Chroma format; 4:2:0 is taken.
    pub chroma: Chroma,
    /// Tick of the packets' timestamps; surfaces keep it.
    pub time_base: TimeBase,
    /// Body of `avcC`, `hvcC` or `av1C`; empty where packets carry their own headers (H.264 and
    /// HEVC then in Annex B form).
    pub configuration: Vec<u8>,
}

impl From<&VideoTrack> for StreamInfo {
    fn from(track: &VideoTrack) -> Self {
        Self {
            codec: track.codec,
            size: track.size,
            crop: track.crop,
            depth: track.depth,
            chroma: track.chroma,
            time_base: track.time_base,
            configuration: track.configuration.clone(),
        }
    }
}

/// How to decode. Each surface of either kind costs a frame of device memory (8K at 10 bits: 88 MB).
#[derive(Clone, Debug)]
pub struct Options {
    /// Pictures that are decoded ahead of the one being shown, so that mapping does not wait.
    pub display_delay: u8,
    /// Surfaces to decode into beyond those that the stream and the delay need.
    pub extra_surfaces: usize,
    /// Surfaces that may be out at once, in the queue and in the user's hands together.
    pub output_surfaces: usize,
    /// Longest wait without any sign of life.
    pub stall: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { display_delay: 1, extra_surfaces: 1, output_surfaces: 3, stall: Duration::from_secs(60) }
    }
}

/// A running decoder.
pub struct Decoder {
    /// Gone while dropping.
    messages: Option<Receiver<Message>>,
    thread: Option<JoinHandle<()>>,
    watch: Arc<Watch>,
    stall: Duration,
    stalled: bool,
    over: bool,
}

impl Decoder {
    /// Starts decoding. The hardware decoder itself is created at the first sequence header.
    ///
    /// # Errors
    /// [`Error::Unsuitable`] when this GPU does not take the stream, [`Error::Media`] when its
    /// configuration record cannot be read, others when driver or operating system fail.
    pub fn open(
        library: &Arc<Library>,
        device: &Arc<Device>,
        info: StreamInfo,
        feed: Feed,
        options: Options,
    ) -> Result<Self, Error> {
        library.can_decode(device, &info)?;
        let payload = Payload::new(&info)?;
        let stream = Stream::new(device)?;
        let watch = Arc::new(Watch::new());
        // Room for every surface that can be out, and the last word.
        let (out, messages) = bounded(options.output_surfaces.max(1) + 1);
        let stall = options.stall;
        // Made on the thread: what it holds stays there.
        let (library, device, shared) = (library.clone(), device.clone(), watch.clone());
        let body = move || {
            let (failure, current, running) = (FirstError::default(), Default::default(), Default::default());
            let watch = shared;
            let session =
                Session { library, device, info, options, watch, out, stream, failure, current, running };
            worker::run(session, payload, feed);
        };
        let thread = std::thread::Builder::new().name("nvdec".to_owned()).spawn(body);
        let thread = Some(thread.map_err(Error::Thread)?);
        Ok(Self { messages: Some(messages), thread, watch, stall, stalled: false, over: false })
    }

    /// The next frame in presentation order, `None` after the last. Waits for it; drop enough earlier
    /// surfaces (see [`Options::output_surfaces`]), here or on another thread.
    ///
    /// # Errors
    /// The root cause of the first failure: of the feed, of the decoder, or [`Error::Stalled`].
    /// Afterwards [`Error::Over`].
    pub fn next_surface(&mut self) -> Result<Option<Surface>, Error> {
        let messages = self.messages.as_ref().filter(|_| !self.over).ok_or(Error::Over)?;
        let answer = match self.watch.wait(messages, self.stall) {
            Ok(Message::Surface(surface)) => return Ok(Some(surface)),
            Ok(Message::End) => Ok(None),
            Ok(Message::Failed(error)) | Err(error) => Err(error),
        };
        self.over = true;
        self.stalled = matches!(answer, Err(Error::Stalled { .. }));
        if answer.is_err() {
            self.watch.stop();
        }
        answer
    }

    /// Surfaces that are ready.
    pub fn waiting(&self) -> usize {
        self.messages.as_ref().map_or(0, Receiver::len)
    }

    /// Counts so far; final once [`Decoder::next_surface`] has given `None`.
    pub fn tally(&self) -> Tally {
        self.watch.tally()
    }

    /// Ends decoding and frees the decoder, and says what went wrong in doing so. Surfaces still held delay
    /// that; then, and for a thread that does not come back, it is left to happen later.
    ///
    /// # Errors
    /// What unmapping and destroying said.
    pub fn close(mut self) -> Result<Tally, Error> {
        self.end();
        self.watch.closing_error().map_or_else(|| Ok(self.watch.tally()), Err)
    }

    fn end(&mut self) {
        self.watch.stop();
        // With both ends of the queue go the surfaces in it, whose slots the thread waits for.
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            self.watch.join(thread, if self.stalled { PATIENCE_STALLED } else { PATIENCE });
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.end();
    }
}
