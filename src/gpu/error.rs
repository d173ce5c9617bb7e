//! The one error type of the GPU runtime, and the one place that turns driver codes into it.
#![forbid(unsafe_code)]

use cudarc::driver::DriverError;

/// What can go wrong between this program and the CUDA driver.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No CUDA driver library on this machine.
    #[error("no CUDA driver on this machine (libcuda was not found)")]
    NoDriver,
    /// The program was built without nvcc.
    #[error("this program was built without its GPU kernels (no nvcc at build time)")]
    NotBuilt,
    /// There is no such device.
    #[error("no CUDA device {ordinal}; this machine has {count}")]
    NoDevice {
        /// The device that was asked for.
        ordinal: usize,
        /// How many there are.
        count: usize,
    },
    /// The device is older than the kernels.
    #[error("{name} has compute capability {got:?}; at least (7, 5) is needed")]
    TooOld {
        /// Name of the device.
        name: String,
        /// Its compute capability.
        got: (i32, i32),
    },
    /// A driver call failed.
    #[error("{call} failed")]
    Cuda {
        /// The call.
        call: &'static str,
        /// The driver's answer.
        #[source]
        source: DriverError,
    },
    /// A buffer is smaller than what is read or written.
    #[error("{what}: {need} bytes needed, {have} there")]
    Size {
        /// Which buffer.
        what: &'static str,
        /// Bytes that the operation touches.
        need: usize,
        /// Bytes of the buffer.
        have: usize,
    },
}

/// Names the call that a driver answer belongs to.
pub(super) fn check<T>(call: &'static str, answer: Result<T, DriverError>) -> Result<T, Error> {
    answer.map_err(|source| Error::Cuda { call, source })
}
