//! `vrpipe engine`: TensorRT plans, built ahead of a run, listed and checked.
#![forbid(unsafe_code)]

use super::engine_args::{EngineBuildArgs, EngineCommand};
use super::say;
use crate::pipeline::plans::{LookedAt, PlanOrder, Seen, build_plans, check_plans, list_plans};
use crate::pipeline::{Error, Fault};
use crate::rvm::StageSize;
use std::path::Path;

pub(super) fn engine(command: &EngineCommand) -> anyhow::Result<u8> {
    match command {
        EngineCommand::Build(args) => build(args),
        EngineCommand::List { folder } => list(folder),
        EngineCommand::Check { plans, folder, tensorrt_lib } => {
            let mut plans = plans.clone();
            if plans.is_empty() {
                plans.extend(list_plans(folder)?.into_iter().map(|plan| plan.path));
            }
            let (library, checked) = check_plans(&plans, tensorrt_lib.as_deref());
            say(&format!("library: {library}"));
            if plans.is_empty() {
                say_none(folder);
            }
            Ok(tell(&checked))
        }
    }
}

fn build(args: &EngineBuildArgs) -> anyhow::Result<u8> {
    let seen = match (&args.input, args.size) {
        (Some(input), _) => Seen::Video(input.clone(), args.detail, args.layout.packing()),
        (None, Some((width, height))) => {
            Seen::Size(StageSize { height, width }, args.eyes.into(), args.full_size)
        }
        (None, None) => return Err(Error::Usage("--size or --for is needed".into()).into()),
    };
    let order = PlanOrder {
        model: args.model.clone(),
        seen,
        capabilities: args.arch.clone(),
        folder: args.folder.clone(),
        tensorrt_lib: args.tensorrt_lib.clone(),
    };
    for path in build_plans(&order, &|text| super::tell(text))? {
        say(&path.display().to_string());
    }
    Ok(0)
}

fn list(folder: &Path) -> anyhow::Result<u8> {
    let plans = list_plans(folder)?;
    if plans.is_empty() {
        say_none(folder);
    }
    Ok(tell(&plans))
}

fn say_none(folder: &Path) {
    say(&format!("no plans in {}; `vrpipe engine build` makes them", folder.display()));
}

/// One line a plan; the exit code is that of a set-up that needs mending when one is bad.
fn tell(plans: &[LookedAt]) -> u8 {
    for LookedAt { path, found } in plans {
        say(&match found {
            Ok(key) => format!("{}: {}", path.display(), key.describe()),
            Err(why) => format!("bad: {why}"),
        });
    }
    if plans.iter().all(|plan| plan.found.is_ok()) { 0 } else { Fault::SetUp.exit_code() }
}
