//! A run over files: open, matte, write, report; and the way back: play, verify, show.
//!
//! ```text
//! settings + inputs ─> batch ─> job: input -> lane -> outputs ─> report
//!                                └──────── progress events ───> observer (cli)
//! output ─> playback ─> verify | sheet
//! ```
#![forbid(unsafe_code)]

mod batch;
pub mod bench;
mod current;
mod destination;
mod device;
pub mod doctor;
mod encoding;
mod engines;
mod error;
mod fault;
mod forecast;
mod hdr;
mod input;
mod inputs;
mod join;
mod machine;
mod matting;
mod output;
mod outputs;
mod part;
mod piece;
pub mod plan;
pub mod plans;
pub mod playback;
mod progress;
mod report;
mod schedule;
mod segment;
mod settings;
mod sheet;
mod stills;
mod stop;
mod store;
mod survey;
mod survey_output;
mod timeline;
pub mod verify;

pub use batch::run_batch;
pub use destination::{Destination, Wanted, assign_outputs};
pub use device::{DecodePath, DeviceChoice, decode_path};
pub use engines::{EngineChoice, EngineSettings};
pub use error::{Error, chain};
pub use fault::Fault;
pub use forecast::{FileForecast, Forecast, forecast};
pub use hdr::HdrChoice;
pub use input::software_decoder;
pub use inputs::{Named, find_inputs};
pub use output::PendingFile;
pub use outputs::{OutputKind, parse_outputs};
pub use part::Part;
pub use progress::{Event, Observer, Silent};
pub use report::{FileReport, MatteReport, MemoryReport, OutputReport, RunReport, SourceReport, StageReport};
pub use settings::{Detail, EncoderChoice, Job, MatteChoice, Settings, Target};
pub use sheet::write_sheet;
pub use stop::{Asked, Stop};
