//! Options that say what is made, and where it goes.
#![forbid(unsafe_code)]

use crate::pipeline::{OutputKind, parse_outputs};
use clap::Args;
use std::path::PathBuf;

/// Where results of `run` go: exactly one of the two.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Destination {
    /// Write the one input's result here; of several outputs, the name that theirs are made of
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write each result into this folder, as the input's name with .webm
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
}

/// Options of `run` and `plan`.
#[derive(Args, Debug)]
pub struct OutputArgs {
    /// What is made, one or several: alpha (WebM with alpha), packed (packed alpha for DeoVR and HereSphere), matte
    /// (grey), green or #rrggbb or a picture (the foreground before it), png (files with alpha)
    #[arg(long, value_name = "KIND[,KIND]", default_value = "alpha", value_parser = parse_kinds)]
    pub output: Vec<Kinds>,
    /// Field of view of packed alpha in degrees; auto: the input's own where it is a fisheye, else 180
    #[arg(long, value_name = "auto|180|190|200", default_value = "auto", value_parser = parse_fov)]
    pub fisheye_fov: Fov,
}

/// The kinds of one option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kinds(Vec<OutputKind>);

/// A field of view; `None` is auto.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fov(pub Option<u16>);

impl OutputArgs {
    /// All kinds in the order given, each once.
    pub fn kinds(&self) -> Vec<OutputKind> {
        let mut kinds: Vec<OutputKind> = Vec::new();
        for kind in self.output.iter().flat_map(|kinds| &kinds.0) {
            if !kinds.contains(kind) {
                kinds.push(kind.clone());
            }
        }
        kinds
    }
}

fn parse_kinds(text: &str) -> Result<Kinds, String> {
    parse_outputs(text).map(Kinds)
}

fn parse_fov(text: &str) -> Result<Fov, String> {
    match text {
        "auto" => Ok(Fov(None)),
        // Those that players have marks for.
        "180" => Ok(Fov(Some(180))),
        "190" => Ok(Fov(Some(190))),
        "200" => Ok(Fov(Some(200))),
        _ => Err("auto, 180, 190 or 200 is needed".into()),
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn outputs_may_be_listed_or_repeated() {
        let parse = |args: &[&str]| {
            let all = ["vrpipe", "run", "a", "-o", "b"].iter().chain(args);
            let Command::Run(run) = Cli::try_parse_from(all).map_err(|e| e.to_string())?.command else {
                return Err("not a run".to_owned());
            };
            let kinds: Vec<String> = run.outputs.kinds().iter().map(ToString::to_string).collect();
            Ok((kinds.join(" "), run.outputs.fisheye_fov.0))
        };
        assert_eq!(parse(&[]), Ok(("alpha".to_owned(), None)));
        let several = parse(&["--output", "packed,matte", "--output", "#2be640", "--output", "green,packed"]);
        assert_eq!(several, Ok(("packed matte #2be640".to_owned(), None)));
        assert_eq!(parse(&["--fisheye-fov", "190"]).unwrap().1, Some(190));
        assert!(parse(&["--output", "b.webm"]).unwrap_err().contains("-o"));
        assert!(parse(&["--fisheye-fov", "170"]).is_err());
    }
}
