//! Whose fault a failure is, which decides the program's exit code and whether trying again may help.
#![forbid(unsafe_code)]

use super::error::Error;
use crate::engine::{self, tensorrt};
use crate::gpu::nvdec;
use crate::{lane, software};

/// Kinds of failure by who can mend them. The numbers are the program's exit codes (README,
/// `vrpipe --help`); 0 is success and 1 a verification that found differences.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Fault {
    /// The command line.
    Usage = 2,
    /// The input file.
    Input = 3,
    /// The GPU or its driver.
    Device = 4,
    /// This program.
    Bug = 5,
    /// The place to write to.
    Output = 6,
    /// Something that must be installed or downloaded first.
    SetUp = 7,
    /// A signal.
    Interrupted = 130,
}

impl Fault {
    /// The kind whose exit code this is; that of a bug where there is none.
    pub(super) fn of(code: u8) -> Self {
        let all = [Self::Usage, Self::Input, Self::Device, Self::Output, Self::SetUp, Self::Interrupted];
        all.into_iter().find(|fault| fault.exit_code() == code).unwrap_or(Self::Bug)
    }

    /// The exit code of the program.
    pub fn exit_code(self) -> u8 {
        self as u8
    }
}

impl Error {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            // A layout that cannot be packed, a picture that is none: the options say it.
            Self::Usage(_) | Self::Render { .. } => Fault::Usage,
            Self::Decoder { source, .. } => decoder_fault(source),
            Self::Lane { source, .. } => match source {
                lane::Error::Decode { source, .. } => decoder_fault(source),
                lane::Error::SizeChange { .. } => Fault::Input,
                lane::Error::Nvdec { source, .. } => nvdec_fault(source),
                lane::Error::Gpu(_)
                | lane::Error::DeviceKernel(_)
                | lane::Error::DeviceRender(_)
                | lane::Error::Engine(engine::Error::Gpu(_)) => Fault::Device,
                lane::Error::Engine(engine::Error::TensorRt(error)) => tensorrt_fault(error),
                lane::Error::Mux(_) => Fault::Output,
                lane::Error::Thread(_) => Fault::SetUp,
                lane::Error::Interrupted => Fault::Interrupted,
                lane::Error::Engine(_)
                | lane::Error::Kernel(_)
                | lane::Error::Encode(_)
                | lane::Error::Render(_)
                | lane::Error::Bits(_)
                | lane::Error::TooMuchDetail
                | lane::Error::ThreadLost => Fault::Bug,
            },
            Self::Open { .. }
            | Self::Unreadable { .. }
            | Self::Sound { .. }
            | Self::NoFrames { .. }
            | Self::Key { .. }
            | Self::Playback { .. }
            | Self::Encode { .. } => Fault::Input,
            Self::Model { .. } => Fault::SetUp,
            Self::Exists { .. }
            | Self::Output { .. }
            | Self::Store { .. }
            | Self::Segment { .. }
            | Self::Mux { .. } => Fault::Output,
            Self::Engine(engine::Error::TensorRt(error)) => tensorrt_fault(error),
            Self::Device { .. }
            | Self::NoGpu { .. }
            | Self::GpuLane(_)
            | Self::Engine(engine::Error::Gpu(_)) => Fault::Device,
            Self::Nvdec { source, .. } => nvdec_fault(source),
            Self::Engine(_) => Fault::Bug,
            Self::Whole { fault, .. } => *fault,
            Self::Interrupted => Fault::Interrupted,
        }
    }
}

/// What is not installed is a matter of set-up, all else is the GPU's.
fn tensorrt_fault(error: &tensorrt::Error) -> Fault {
    use tensorrt::Error;
    match error {
        Error::NotBuilt
        | Error::NoLibrary { .. }
        | Error::NotLoaded { .. }
        | Error::LibraryVersion { .. }
        | Error::NotAPlan { .. }
        | Error::Length { .. }
        | Error::Damaged { .. }
        | Error::OtherPlan { .. } => Fault::SetUp,
        Error::Io { .. } => Fault::Output,
        Error::NotServed { .. } | Error::Call { .. } | Error::Differs { .. } | Error::NotValidated { .. } => {
            Fault::Device
        }
    }
}

/// The GPU's decoder fails by its driver or by what it is fed.
fn nvdec_fault(error: &nvdec::Error) -> Fault {
    match error {
        nvdec::Error::Gpu(_) | nvdec::Error::NoLibrary { .. } | nvdec::Error::Symbol { .. } => Fault::Device,
        _ => Fault::Input,
    }
}

/// A decoder that is not installed is a matter of set-up, all else is the input's.
fn decoder_fault(error: &software::Error) -> Fault {
    match error {
        software::Error::Missing { .. } => Fault::SetUp,
        _ => Fault::Input,
    }
}
