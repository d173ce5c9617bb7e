//! A run over files: open, matte, write, report; and the way back: play, verify, show.
//!
//! ```text
//! settings + inputs ─> batch ─> job: input -> lane -> output ─> report
//!                                └──────── progress events ───> observer (cli)
//! output ─> playback ─> verify | sheet
//! ```
#![forbid(unsafe_code)]

mod batch;
mod device;
mod error;
mod input;
mod job;
mod lanes;
mod matting;
mod output;
pub mod playback;
mod progress;
mod report;
mod settings;
mod sheet;
pub mod verify;

pub use batch::{Destination, assign_outputs, run_batch};
pub use device::DeviceChoice;
pub use error::{Error, Fault, chain};
pub use input::software_decoder;
pub use output::PendingFile;
pub use progress::{Event, Observer, Silent};
pub use report::{FileReport, MatteReport, RunReport, SourceReport, StageReport};
pub use settings::{Detail, Job, MatteChoice, Settings};
pub use sheet::write_sheet;
