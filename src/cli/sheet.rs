//! `vrpipe sheet`: a picture to look at.
#![forbid(unsafe_code)]

use super::args::SheetArgs;
use super::{STALL, say};
use crate::pipeline::write_sheet;

pub(super) fn sheet(args: &SheetArgs) -> anyhow::Result<u8> {
    let size = write_sheet(&args.video, args.input.as_deref(), args.rows.into(), &args.output, STALL)?;
    say(&format!("{}: {size}, input, matte and composite of {} frames", args.output.display(), args.rows));
    Ok(0)
}
