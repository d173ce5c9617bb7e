//! `vrpipe model`: find and download weights.
#![forbid(unsafe_code)]

use super::args::{ModelCommand, NetworkArg};
use super::say;
use crate::pipeline::Error;
use crate::rvm::Variant;
use crate::rvm::fetch::{Fetcher, Progress, PublishedFile};
use crate::rvm::locate::{locate, model_folders};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;

pub(super) fn model(command: &ModelCommand) -> anyhow::Result<u8> {
    match command {
        ModelCommand::Fetch { network, to } => fetch(*network, to),
        ModelCommand::List => list(),
    }
}

fn fetch(network: NetworkArg, to: &Path) -> anyhow::Result<u8> {
    let variant = match network {
        NetworkArg::MobileNetV3 => Variant::MobileNetV3,
        NetworkArg::ResNet50 => Variant::ResNet50,
    };
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta} left") {
        bar.set_style(style);
    }
    let fetched =
        Fetcher::default().fetch(&PublishedFile::of(variant), to, &mut |Progress { have, total }| {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(have);
        });
    bar.finish_and_clear();
    let fetched = fetched.map_err(|source| Error::model(variant.name(), source))?;
    let how = if fetched.was_there { "was there already" } else { "downloaded" };
    say(&format!("{} {how}; SHA-256 as published, licence GPL-3.0", fetched.path.display()));
    Ok(0)
}

/// Weights that `--model NAME` would find. Any one is enough to work with; none is an error.
fn list() -> anyhow::Result<u8> {
    let folders = model_folders();
    let mut found = 0;
    let mut missing = Ok(0);
    for variant in Variant::ALL {
        match locate(variant.name(), &folders) {
            Ok(path) => {
                say(&format!("{}: {}", variant.name(), path.display()));
                found += 1;
            }
            Err(source) => missing = Err(Error::model(variant.name(), source).into()),
        }
    }
    if found > 0 { Ok(0) } else { missing }
}
