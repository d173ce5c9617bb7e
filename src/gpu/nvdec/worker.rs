//! The decoding thread: pulls packets, parses them, and ends in order; or rests until the next stream comes.
//!
//! After the last packet, or a failure of the feed, the parser is flushed, so that all that could be
//! decoded has been sent. The last word is sent before the wait for lent surfaces, because the
//! user may hold them until then.

use std::ffi::{c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::abi::{self, Blank};
use super::failure::FirstError;
use super::payload::{Payload, clock_rate};
use super::raw::RawParser;
use super::running::Running;
use super::session::{Message, Session, on_decode, on_display, on_sequence};
use super::watch::{Activity, Watch};
use super::{Error, Feed, Library, Options, StreamInfo, vp9};
use crate::gpu::{Device, Stream};
use crate::packet::{Codec, Packet};

/// A stream to be decoded.
pub(super) struct Order {
    pub(super) info: StreamInfo,
    pub(super) options: Options,
    pub(super) watch: Arc<Watch>,
    pub(super) out: Sender<Message>,
    pub(super) payload: Payload,
    pub(super) feed: Feed,
}

/// Decodes one stream after the other, on the same decoder where they are alike, until nobody can order any more; then
/// everything is freed. A stream that failed takes its decoder with it, and not the thread: the failure may come when its user
/// has left, and the next order be on its way.
pub(super) fn serve(library: &Arc<Library>, device: &Arc<Device>, stream: Stream, orders: &Receiver<Order>) {
    let stream = Arc::new(stream);
    let mut left: Option<(Running, Arc<Watch>)> = None;
    for order in orders {
        let Order { info, options, watch, out, payload, feed } = order;
        let kept = left.take().map(|(running, _)| running).into();
        let session = Session {
            library: library.clone(),
            device: device.clone(),
            info,
            options,
            watch: watch.clone(),
            out,
            stream: stream.clone(),
            failure: FirstError::default(),
            current: Default::default(),
            running: Default::default(),
            kept,
        };
        let (running, sound) = run(session, payload, feed);
        match running {
            Some(running) if sound => left = Some((running, watch)),
            Some(running) => watch.keep_closing(running.close(&watch)),
            None => {}
        }
    }
    if let Some((running, watch)) = left {
        watch.keep_closing(running.close(&watch));
    }
}

/// Decodes a stream, and waits for its surfaces. Gives the decoder, and whether it may decode another stream.
fn run(session: Session, payload: Payload, feed: Feed) -> (Option<Running>, bool) {
    let watch = session.watch.clone();
    // Callbacks contain their own panics; this one is for the rest of the thread.
    let ran = catch_unwind(AssertUnwindSafe(|| decode_all(&session, payload, feed)));
    let outcome = ran.unwrap_or_else(|payload| Err(Error::from_panic(&*payload)));
    // `Over` means that the user is going; there is nobody to tell.
    let mut sound = matches!(outcome, Ok(()) | Err(Error::Over));
    drop(session.out.send(match outcome {
        Ok(()) => Message::End,
        Err(error) => Message::Failed(error),
    }));
    // A bounded queue keeps what is in it until both of its ends are gone: with this one, surfaces that the user
    // never took come back.
    drop(session.out);
    watch.moved(Activity::Freeing);
    // A stream without any header leaves what was kept as it was.
    let mut running = session.running.into_inner().or(session.kept.into_inner());
    if let Some(running) = &mut running {
        let settled = running.settle(&watch);
        sound &= settled.is_ok();
        watch.keep_closing(settled);
    }
    (running, sound)
}

/// From the first packet to the last shown picture.
fn decode_all(session: &Session, mut payload: Payload, mut feed: Feed) -> Result<(), Error> {
    session.device.bind()?;
    let mut params = abi::ParserParams::blank();
    params.codec = abi::codec(session.info.codec);
    // A placeholder: the sequence callback answers with the real number.
    params.max_decode_surfaces = 1;
    params.clock_rate = clock_rate(session.info.time_base);
    // Damaged pictures are decoded as far as they go, and counted.
    params.error_threshold = 100;
    params.max_display_delay = match session.info.codec {
        // VP9 is shown by this program's own order; AV1's pictures are known by the packet that shows them.
        Codec::Vp9 | Codec::Av1 => 0,
        _ => c_uint::from(session.options.display_delay),
    };
    params.user = std::ptr::from_ref(session).cast_mut().cast::<c_void>();
    params.on_sequence = Some(on_sequence);
    params.on_decode = Some(on_decode);
    params.on_display = Some(on_display);
    // SAFETY: the callbacks take `user` for a `&Session`, which it is; the parser stays on this thread and is
    // gone before this function returns, while `session` is borrowed for longer.
    let parser = unsafe { RawParser::create(&session.library, &mut params) }?;

    let fed = feed_all(session, &parser, &mut payload, &mut feed);
    // What is ahead of a broken packet is still good; after a failure of the decoder nothing is.
    let flushed = match &fed {
        Ok(()) | Err(Error::Feed(_) | Error::Media(_)) if !session.watch.stopped() => {
            session.failure.settle(parser.end()).and_then(|()| session.show_rest())
        }
        _ => Ok(()),
    };
    let closed = parser.close();
    fed.and(flushed).and(closed)
}

/// Parses packets until there are no more.
fn feed_all(
    session: &Session,
    parser: &RawParser,
    payload: &mut Payload,
    feed: &mut Feed,
) -> Result<(), Error> {
    let watch = &session.watch;
    loop {
        if watch.stopped() {
            return Err(Error::Over);
        }
        watch.moved(Activity::Source);
        let packet = feed().map_err(Error::Feed)?;
        watch.moved(Activity::Parser);
        let Some(packet) = packet else { return Ok(()) };
        watch.count(|tally| tally.packets += 1);
        parse(session, parser, payload.bytes(&packet)?, &packet)?;
    }
}

/// Parses one packet. Callbacks know by `begin` which one they run for: by that, not by what the
/// parser makes of timestamps, pictures get theirs.
fn parse(session: &Session, parser: &RawParser, bytes: &[u8], packet: &Packet) -> Result<(), Error> {
    match session.info.codec {
        Codec::Vp9 => {
            for frame in vp9::frames(bytes) {
                session.begin(packet.pts);
                session.failure.settle(parser.parse(frame, packet.pts, true))?;
                session.show_vp9(vp9::Header::read(frame))?;
            }
            Ok(())
        }
        // No bytes would mean nothing, or the end.
        _ if bytes.is_empty() => Ok(()),
        codec => {
            session.begin(packet.pts);
            // A temporal unit of AV1 may hold hidden frames.
            session.failure.settle(parser.parse(bytes, packet.pts, codec != Codec::Av1))
        }
    }
}
