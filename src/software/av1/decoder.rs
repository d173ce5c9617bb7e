//! The decoding thread and its user's end.
//!
//! rav1d runs on a thread of its own, so that a hang or a breakdown in it costs this one decoder:
//! the user's wait ends after [`Options::stall`] and the thread is left behind.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::containment;
use super::context::{Context, Parcel, Refusal, Shown};
use crate::frame::Picture;
use crate::media::{config_obus, has_sequence_header};
use crate::packet::Packet;
use crate::software::decoder::check_depth;
use crate::software::watch::{Message, Pulse, QUEUE_PICTURES, Silence, join_within};
use crate::software::{Decoder, Error, Feed, Options, StreamInfo, Tally};

/// A packet is offered again after each picture fetched; rav1d has at most 256 frames in flight,
/// so more fruitless rounds than this mean that it will never take it.
const FRUITLESS_ROUNDS: u32 = 512;

/// How long a drop waits for the frame that is being decoded.
const PATIENCE: Duration = Duration::from_secs(5);

/// An AV1 decoder.
pub struct Av1 {
    queue: Option<Receiver<Message>>,
    thread: Option<JoinHandle<()>>,
    pulse: Arc<Pulse>,
    stall: Duration,
    pictures: u64,
    over: Option<Over>,
}

#[derive(Clone, Copy)]
enum Over {
    Ended,
    Failed,
}

impl Av1 {
    /// Starts decoding.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a depth other than 8 and 10, [`Error::Io`] if there is no thread.
    pub fn open(info: StreamInfo, feed: Feed, options: &Options) -> Result<Self, Error> {
        check_depth(&info)?;
        containment::install();
        let pulse = Arc::new(Pulse::new());
        let (sender, queue) = bounded(QUEUE_PICTURES);
        let run = Run {
            info,
            feed,
            threads: options.threads,
            pulse: Arc::clone(&pulse),
            queue: sender,
            packets: 0,
            pictures: 0,
            last_pts: 0,
        };
        let thread = std::thread::Builder::new()
            .name("av1".into())
            .spawn(move || run.run())
            .map_err(|source| Error::Io { what: "starting the AV1 thread", source })?;
        let stall = options.stall;
        Ok(Self { queue: Some(queue), thread: Some(thread), pulse, stall, pictures: 0, over: None })
    }
}

impl Decoder for Av1 {
    fn next_picture(&mut self) -> Result<Option<Picture>, Error> {
        let queue = match (self.over, &self.queue) {
            (Some(Over::Ended), _) => return Ok(None),
            (None, Some(queue)) => queue,
            _ => return Err(Error::Over),
        };
        let error = match self.pulse.wait(queue, self.stall) {
            Ok(Message::Picture(picture)) => {
                self.pictures += 1;
                return Ok(Some(picture));
            }
            Ok(Message::End) => {
                self.over = Some(Over::Ended);
                return Ok(None);
            }
            Ok(Message::Failed(error)) => error,
            Err(Silence::Stalled { seconds, waiting_on }) => {
                Error::Stalled { seconds, waiting_on, stderr: containment::worker_panic() }
            }
            Err(Silence::Gone) => Error::Panicked {
                message: "its thread ended without a word".into(),
                packet: self.tally().packets,
                pts: 0,
            },
        };
        self.over = Some(Over::Failed);
        Err(error)
    }

    fn name(&self) -> &str {
        "rav1d"
    }

    fn tally(&self) -> Tally {
        self.pulse.tally(self.pictures)
    }
}

impl Drop for Av1 {
    fn drop(&mut self) {
        self.pulse.stop();
        drop(self.queue.take());
        let patience = if matches!(self.over, Some(Over::Failed)) { Duration::ZERO } else { PATIENCE };
        if let Some(thread) = self.thread.take() {
            join_within(thread, patience);
        }
    }
}

/// What the decoding thread owns.
struct Run {
    info: StreamInfo,
    feed: Feed,
    threads: usize,
    pulse: Arc<Pulse>,
    queue: Sender<Message>,
    packets: u64,
    pictures: u64,
    /// Of the packet sent last: what an error while draining is pinned to.
    last_pts: i64,
}

/// Why a run ends before its packets do.
enum Stop {
    /// Nobody listens any more.
    Dropped,
    Failed(Error),
}

impl Run {
    fn run(mut self) {
        let result = catch_unwind(AssertUnwindSafe(|| self.decode()));
        let last = match result {
            Ok(Ok(())) => self.pulse.cause().map_or(Message::End, Message::Failed),
            Ok(Err(Stop::Failed(error))) => Message::Failed(error),
            Ok(Err(Stop::Dropped)) => return,
            Err(_) => {
                let message = "outside rav1d".to_owned();
                Message::Failed(Error::Panicked { message, packet: self.packets, pts: self.last_pts })
            }
        };
        // An error means that the user has gone, who then needs no last word.
        let _gone = self.queue.send(last);
    }

    fn decode(&mut self) -> Result<(), Stop> {
        // Sizes other than the container's are refused later with a clear error; the limit only
        // keeps a damaged header from asking for gigabytes.
        let limit_px = self.info.size.area().max(1 << 22).saturating_mul(2);
        let mut context = {
            let _inside = self.inside();
            Context::open(self.threads, limit_px).map_err(|refusal| self.refused(refusal))?
        };
        let result = self.packets(&mut context);
        let _inside = self.inside();
        drop(context);
        result
    }

    fn packets(&mut self, context: &mut Context) -> Result<(), Stop> {
        while let Some(packet) = self.pulse.pull(&mut self.feed) {
            if self.pulse.stopped() {
                return Err(Stop::Dropped);
            }
            self.last_pts = packet.pts;
            self.packet(context, &packet)?;
            self.packets += 1;
        }
        // Two empty answers in a row: the first may only have switched rav1d to draining.
        let mut empty = 0;
        while empty < 2 {
            let shown = self.fetch(context)?;
            empty = if shown { 0 } else { empty + 1 };
        }
        self.pulse.count_unseen(self.packets.saturating_sub(self.pictures));
        Ok(())
    }

    fn packet(&mut self, context: &mut Context, packet: &Packet) -> Result<(), Stop> {
        let units = config_obus(&self.info.configuration);
        let bare = self.packets == 0 && !has_sequence_header(&packet.data);
        let parts: &[&[u8]] = if bare { &[units, &packet.data] } else { &[&packet.data] };
        let mut parcel = Parcel::new(parts, packet.pts).map_err(|refusal| self.refused(refusal))?;
        let mut fruitless = 0;
        loop {
            let taken = {
                let _inside = self.inside();
                context.send(&mut parcel).map_err(|refusal| self.refused(refusal))?
            };
            self.pulse.beat();
            // Once for each packet sent, and no more: a second fetch would drain the pipeline.
            let shown = self.fetch(context)?;
            if taken {
                return Ok(());
            }
            fruitless = if shown { 0 } else { fruitless + 1 };
            if fruitless > FRUITLESS_ROUNDS {
                let refusal = Refusal { call: "dav1d_send_data, again and again,", code: -libc::EAGAIN };
                return Err(self.refused(refusal));
            }
        }
    }

    /// Passes on one picture if there is one.
    fn fetch(&mut self, context: &mut Context) -> Result<bool, Stop> {
        let picture = {
            let _inside = self.inside();
            match context.picture().map_err(|refusal| self.refused(refusal))? {
                Some(shown) => self.copied(&shown).map_err(Stop::Failed)?,
                None => return Ok(false),
            }
        };
        self.pictures += 1;
        self.queue.send(Message::Picture(picture)).map_err(|_| Stop::Dropped)?;
        self.pulse.beat();
        Ok(true)
    }

    fn copied(&self, shown: &Shown) -> Result<Picture, Error> {
        let info = &self.info;
        let picture = self.pictures;
        if shown.size() != info.size {
            return Err(Error::Size { picture, expected: info.size, got: shown.size() });
        }
        if !shown.is_420() || shown.depth() != info.depth {
            return Err(Error::Format {
                picture,
                expected: format!("4:2:0, {} bits", info.depth),
                got: format!(
                    "{}, {} bits",
                    if shown.is_420() { "4:2:0" } else { "other chroma" },
                    shown.depth()
                ),
            });
        }
        let samples = shown.copy().ok_or_else(|| Error::Format {
            picture,
            expected: "three whole planes".into(),
            got: "fewer".into(),
        })?;
        Ok(Picture { pts: shown.pts(), size: info.size, depth: info.depth, colour: info.colour, samples })
    }

    fn refused(&self, refusal: Refusal) -> Stop {
        let Refusal { call, code } = refusal;
        // ERANGE is the limit set above, ENOPROTOOPT a profile that rav1d leaves out.
        Stop::Failed(match -code {
            libc::ERANGE => Error::Unsupported {
                what: "frame size",
                got: format!("more than twice the {} of the container", self.info.size),
            },
            libc::ENOPROTOOPT => {
                Error::Unsupported { what: "AV1 stream", got: "a profile rav1d leaves out".into() }
            }
            _ => Error::Av1 { call, code, packet: self.packets, pts: self.last_pts },
        })
    }

    fn inside(&self) -> containment::Inside {
        let (queue, packet, pts) = (self.queue.clone(), self.packets, self.last_pts);
        containment::enter(move |message| {
            let _gone = queue.send(Message::Failed(Error::Panicked { message, packet, pts }));
        })
    }
}
