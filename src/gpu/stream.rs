//! Streams, events and captured graphs.
//!
//! Streams do not wait for the default stream. Work of two streams is ordered by an [`Event`] that
//! one records and the other waits for. A [`Graph`] is captured once and launched many times.

use std::sync::Arc;

use cudarc::driver::{result, sys};

use super::error::check;
use super::{Device, Error};

/// A queue of device work that runs in order.
pub struct Stream {
    raw: sys::CUstream,
    device: Arc<Device>,
}

// SAFETY: the driver allows any thread to use a stream handle.
unsafe impl Send for Stream {}
// SAFETY: enqueuing from several threads is allowed; their order is then theirs to settle.
unsafe impl Sync for Stream {}

impl Stream {
    /// A stream that waits for no other.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn new(device: &Arc<Device>) -> Result<Self, Error> {
        device.bind()?;
        let raw = check("cuStreamCreate", result::stream::create(result::stream::StreamKind::NonBlocking))?;
        Ok(Self { raw, device: device.clone() })
    }

    /// The driver's handle, for libraries that enqueue on it.
    pub fn raw(&self) -> sys::CUstream {
        self.raw
    }

    /// The device it belongs to.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Waits until everything enqueued has run.
    ///
    /// # Errors
    /// When the driver fails, or some of that work failed.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.device.bind()?;
        // SAFETY: the handle lives as long as `self`.
        check("cuStreamSynchronize", unsafe { result::stream::synchronize(self.raw) })
    }

    /// What is enqueued from now on waits until `event` has happened.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn wait(&self, event: &Event) -> Result<(), Error> {
        self.device.bind()?;
        let flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        // SAFETY: both handles live as long as their owners.
        check("cuStreamWaitEvent", unsafe { result::stream::wait_event(self.raw, event.raw, flags) })
    }

    /// Captures what `enqueue` puts on this stream; nothing of it runs yet.
    ///
    /// # Errors
    /// When `enqueue` fails, or does what cannot be captured.
    pub fn capture<E: From<Error>>(
        &self,
        enqueue: impl FnOnce(&Stream) -> Result<(), E>,
    ) -> Result<Graph, E> {
        self.device.bind()?;
        let _alone = self.device.apart_from_captures();
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the handle lives as long as `self`.
        check("cuStreamBeginCapture", unsafe { result::stream::begin_capture(self.raw, mode) })?;
        let enqueued = enqueue(self);
        // Ended in any case: a stream left capturing would refuse all further work.
        // SAFETY: the capture was begun above.
        let graph = check("cuStreamEndCapture", unsafe { result::stream::end_capture(self.raw) });
        enqueued?;
        let graph = graph?;
        let mut exec = std::ptr::null_mut();
        // SAFETY: `graph` was made above; `exec` receives the handle.
        let answer = unsafe { sys::cuGraphInstantiateWithFlags(&mut exec, graph, 0) }.result();
        // SAFETY: the only destruction; the executable graph does not need it.
        let _leak = unsafe { result::graph::destroy(graph) };
        check("cuGraphInstantiate", answer)?;
        Ok(Graph { exec, device: self.device.clone() })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.device.bind().is_ok() {
            // SAFETY: the only destruction. A failure here can only leak.
            let _leak = unsafe { result::stream::destroy(self.raw) };
        }
    }
}

/// A point in a stream's work.
pub struct Event {
    raw: sys::CUevent,
    device: Arc<Device>,
}

// SAFETY: the driver allows any thread to use an event handle.
unsafe impl Send for Event {}
// SAFETY: recording again while another thread waits is allowed; each wait takes the newest record.
unsafe impl Sync for Event {}

impl Event {
    fn with_flags(device: &Arc<Device>, flags: sys::CUevent_flags) -> Result<Self, Error> {
        device.bind()?;
        Ok(Self { raw: check("cuEventCreate", result::event::create(flags))?, device: device.clone() })
    }

    /// An event that orders, and makes a waiting thread sleep rather than spin.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn new(device: &Arc<Device>) -> Result<Self, Error> {
        let flags = sys::CUevent_flags::CU_EVENT_DISABLE_TIMING as u32
            | sys::CUevent_flags::CU_EVENT_BLOCKING_SYNC as u32;
        let mut raw = std::ptr::null_mut();
        device.bind()?;
        // SAFETY: `raw` receives the handle.
        check("cuEventCreate", unsafe { sys::cuEventCreate(&mut raw, flags) }.result())?;
        Ok(Self { raw, device: device.clone() })
    }

    /// An event that takes the time.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn timing(device: &Arc<Device>) -> Result<Self, Error> {
        Self::with_flags(device, sys::CUevent_flags::CU_EVENT_DEFAULT)
    }

    /// Marks the end of what is enqueued on `stream` so far.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn record(&self, stream: &Stream) -> Result<(), Error> {
        self.device.bind()?;
        // SAFETY: both handles live as long as their owners.
        check("cuEventRecord", unsafe { result::event::record(self.raw, stream.raw()) })
    }

    /// Waits on this thread until the event has happened.
    ///
    /// # Errors
    /// When the driver fails, or work before the event failed.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.device.bind()?;
        // SAFETY: the handle lives as long as `self`.
        check("cuEventSynchronize", unsafe { result::event::synchronize(self.raw) })
    }

    /// Milliseconds from `start` to this event; both must be of the timing kind and have happened.
    ///
    /// # Errors
    /// When they have not.
    pub fn ms_since(&self, start: &Event) -> Result<f32, Error> {
        // SAFETY: both handles live as long as their owners.
        check("cuEventElapsedTime", unsafe { result::event::elapsed(start.raw, self.raw) })
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if self.device.bind().is_ok() {
            // SAFETY: the only destruction. A failure here can only leak.
            let _leak = unsafe { result::event::destroy(self.raw) };
        }
    }
}

/// Work captured from a stream, launched as one. What its kernels point at must be kept alive by the
/// owner of the graph.
pub struct Graph {
    exec: sys::CUgraphExec,
    device: Arc<Device>,
}

// SAFETY: the handle may be used from any thread, one at a time: `launch` takes `&mut self`.
unsafe impl Send for Graph {}

impl Graph {
    /// Enqueues the whole graph.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn launch(&mut self, stream: &Stream) -> Result<(), Error> {
        self.device.bind()?;
        // SAFETY: the handle lives as long as `self`; captured addresses are the owner's to keep.
        check("cuGraphLaunch", unsafe { result::graph::launch(self.exec, stream.raw()) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        if self.device.bind().is_ok() {
            // SAFETY: the only destruction. A failure here can only leak.
            let _leak = unsafe { result::graph::exec_destroy(self.exec) };
        }
    }
}
