//! `vrpipe doctor`: whether a run would work here, and what to do if not.
#![forbid(unsafe_code)]

use super::engine_args::DoctorArgs;
use super::say;
use crate::pipeline::doctor::{Wanted, checkup};

pub(super) fn doctor(args: &DoctorArgs) -> anyhow::Result<u8> {
    let wanted = Wanted {
        model: args.model.clone(),
        folder: args.out_dir.clone(),
        tensorrt_lib: args.tensorrt_lib.clone(),
    };
    let checkup = checkup(&wanted, &args.device);
    let text = if args.json { serde_json::to_string_pretty(&checkup)? } else { checkup.text() };
    say(&text);
    Ok(checkup.exit_code)
}
