//! The decoder as its user sees it: opened with a stream and a feed, asked for surfaces, dropped.
//!
//! What the thread behind it does is told in `worker`. Dropping stops it; surfaces still held stay good, and
//! the decoder's memory is freed with the last of them. [`Decoder::rest`] keeps thread and memory for the next
//! stream: creating and destroying decoders goes one at a time in a process, and takes long where many lanes do it.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::frame::Size;
use crate::gpu::{Device, Stream};
use crate::media::{Chroma, VideoTrack};
use crate::packet::{Codec, Packet};
use crate::units::TimeBase;

use super::payload::Payload;
use super::session::Message;
use super::watch::Watch;
use super::worker::Order;
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
    /// Gone when resting.
    thread: Option<Thread>,
    watch: Arc<Watch>,
    stall: Duration,
    stalled: bool,
    failed: bool,
    over: bool,
}

/// The decoding thread, with what it was started for.
struct Thread {
    library: Arc<Library>,
    device: Arc<Device>,
    orders: Sender<Order>,
    handle: JoinHandle<()>,
}

impl Thread {
    fn start(library: &Arc<Library>, device: &Arc<Device>) -> Result<Self, Error> {
        let stream = Stream::new(device)?;
        let (orders, ordered) = unbounded();
        let (library, device) = (library.clone(), device.clone());
        // Made on the thread: what it holds stays there.
        let body = {
            let (library, device) = (library.clone(), device.clone());
            move || worker::serve(&library, &device, stream, &ordered)
        };
        let spawned = std::thread::Builder::new().name("nvdec".to_owned()).spawn(body);
        Ok(Self { library, device, orders, handle: spawned.map_err(Error::Thread)? })
    }

    /// A thread of its own for `order`.
    fn ordered(library: &Arc<Library>, device: &Arc<Device>, order: Order) -> Result<Self, Error> {
        let thread = Self::start(library, device)?;
        // The thread waits for it; had it died already, the user would hear so from the queue.
        drop(thread.orders.send(order));
        Ok(thread)
    }

    /// Tells the thread that nothing more comes, and waits for its end.
    fn end(self, watch: &Watch, patience: Duration) {
        drop(self.orders);
        watch.join(self.handle, patience);
    }
}

/// A decoder without a stream, its thread and its device memory kept for the next one.
pub struct Spare {
    /// Gone while dropping, or when taken on.
    thread: Option<Thread>,
    /// Of the stream before.
    watch: Arc<Watch>,
}

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.end(&self.watch, PATIENCE);
        }
    }
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
        Self::open_on(None, library, device, info, feed, options)
    }

    /// The same on a decoder that rests. Its memory is used again where the streams are alike, and freed where
    /// they are not. Surfaces of the stream before that are still held delay the new one.
    ///
    /// # Errors
    /// As [`Decoder::open`].
    pub fn open_on(
        spare: Option<Spare>,
        library: &Arc<Library>,
        device: &Arc<Device>,
        info: StreamInfo,
        feed: Feed,
        options: Options,
    ) -> Result<Self, Error> {
        library.can_decode(device, &info)?;
        let payload = Payload::new(&info)?;
        let watch = Arc::new(Watch::new());
        // Room for every surface that can be out, and the last word.
        let (out, messages) = bounded(options.output_surfaces.max(1) + 1);
        let stall = options.stall;
        let order = Order { info, options, watch: watch.clone(), out, payload, feed };
        let suits =
            |thread: &Thread| Arc::ptr_eq(&thread.library, library) && Arc::ptr_eq(&thread.device, device);
        let kept = spare.and_then(|mut spare| spare.thread.take_if(|thread| suits(thread)));
        let thread = match kept {
            Some(thread) => match thread.orders.send(order) {
                Ok(()) => thread,
                // Its thread has ended: something went wrong after the stream before.
                Err(refused) => Thread::ordered(library, device, refused.into_inner())?,
            },
            None => Thread::ordered(library, device, order)?,
        };
        let (messages, thread) = (Some(messages), Some(thread));
        Ok(Self { messages, thread, watch, stall, stalled: false, failed: false, over: false })
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
        self.failed = answer.is_err();
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

    /// Ends decoding, and keeps the decoder for another stream; `None` after a failure.
    #[must_use]
    pub fn rest(mut self) -> Option<Spare> {
        if self.failed {
            return None;
        }
        self.watch.stop();
        self.messages = None;
        let thread = self.thread.take()?;
        Some(Spare { thread: Some(thread), watch: self.watch.clone() })
    }

    fn end(&mut self) {
        self.watch.stop();
        // With both ends of the queue go the surfaces in it, whose slots the thread waits for.
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            thread.end(&self.watch, if self.stalled { PATIENCE_STALLED } else { PATIENCE });
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.end();
    }
}
