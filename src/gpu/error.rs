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

/// Whether an error was caused by a device's memory being full.
pub fn is_out_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    let full = cudarc::driver::sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY;
    let is_full = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<DriverError>().is_some_and(|answer| answer.0 == full)
            || matches!(cause.downcast_ref::<super::nvdec::Error>(), Some(&super::nvdec::Error::Call { code, .. }) if code == full as i32)
    };
    std::iter::successors(Some(error), |cause| cause.source()).any(is_full)
}

/// Names the call that a driver answer belongs to.
pub(super) fn check<T>(call: &'static str, answer: Result<T, DriverError>) -> Result<T, Error> {
    answer.map_err(|source| Error::Cuda { call, source })
}
