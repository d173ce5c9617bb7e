//! Options that change a matte.
#![forbid(unsafe_code)]

use crate::lane::Touch;
use clap::Args;

/// Options of `run` and `plan`.
#[derive(Args, Debug)]
pub struct TouchArgs {
    /// Opacity up to which nothing is seen; the rest is stretched
    #[arg(long, value_name = "0..0.9", default_value_t = 0.0, value_parser = |text: &str| number(text, 0.0, 0.9))]
    pub matte_cutoff: f32,
    /// Above 1 thins soft edges, below 1 thickens them
    #[arg(long, value_name = "0.1..10", default_value_t = 1.0, value_parser = |text: &str| number(text, 0.1, 10.0))]
    pub matte_gamma: f32,
    /// Let the matte grow by so many pixels of the frame; below 0 it shrinks
    #[arg(long, value_name = "PIXELS", default_value_t = 0.0, allow_hyphen_values = true, value_parser = |text: &str| number(text, -256.0, 256.0))]
    pub matte_grow: f32,
    /// Share of the matte before in each; steadier, and later behind fast motion; above 0.84 segments warm up longer
    #[arg(long, value_name = "0..0.95", default_value_t = 0.0, value_parser = |text: &str| number(text, 0.0, 0.95))]
    pub matte_smooth: f32,
}

impl TouchArgs {
    /// The changes.
    pub fn touch(&self) -> Touch {
        Touch {
            cutoff: self.matte_cutoff,
            gamma: self.matte_gamma,
            grow_pixels: self.matte_grow,
            smooth: self.matte_smooth,
        }
    }
}

fn number(text: &str, least: f32, most: f32) -> Result<f32, String> {
    let wrong = || format!("a number from {least} to {most} is needed");
    text.parse::<f32>().ok().filter(|value| (least..=most).contains(value)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn controls_have_their_ranges() {
        let parse = |args: &[&str]| {
            let all = ["vrpipe", "run", "a", "-o", "b"].iter().chain(args);
            match Cli::try_parse_from(all).ok()?.command {
                Command::Run(run) => Some(run.touch.touch()),
                _ => None,
            }
        };
        assert_eq!(parse(&[]), Some(Touch::default()));
        let all = [
            "--matte-cutoff",
            "0.1",
            "--matte-gamma",
            "1.5",
            "--matte-grow",
            "-3.5",
            "--matte-smooth",
            "0.5",
        ];
        assert_eq!(parse(&all), Some(Touch { cutoff: 0.1, gamma: 1.5, grow_pixels: -3.5, smooth: 0.5 }));
        for wrong in [
            ["--matte-cutoff", "1"],
            ["--matte-gamma", "0"],
            ["--matte-grow", "nan"],
            ["--matte-smooth", "1"],
        ] {
            assert_eq!(parse(&wrong), None, "{wrong:?}");
        }
    }
}
