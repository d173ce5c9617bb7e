//! Options that choose a part of each video.
#![forbid(unsafe_code)]

use crate::pipeline::Part;
use clap::Args;
use std::time::Duration;

/// Options of `run` and `plan`.
#[derive(Args, Debug)]
pub struct PartArgs {
    /// Begin here; the frame at this time is the first, at 0 in the output
    #[arg(long, value_name = "[[H:]M:]S", value_parser = parse_time)]
    pub start: Option<Duration>,
    /// End here; the frame at this time is not there any more
    #[arg(long, value_name = "[[H:]M:]S", value_parser = parse_time)]
    pub end: Option<Duration>,
    /// Only so many seconds, to try settings: from --start on, or from the middle of each video
    #[arg(long, value_name = "SECONDS", value_parser = parse_length, conflicts_with = "end")]
    pub sample: Option<Duration>,
}

impl PartArgs {
    /// The part.
    pub fn part(&self) -> Part {
        Part { start: self.start, end: self.end, sample: self.sample }
    }
}

fn parse_length(text: &str) -> Result<Duration, String> {
    parse_time(text).ok().filter(|length| !length.is_zero()).ok_or_else(|| "a time above 0 is needed".into())
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || "seconds, minutes:seconds or hours:minutes:seconds are needed".to_owned();
    let fields: Vec<&str> = text.split(':').collect();
    let (seconds, above) = fields.split_last().filter(|_| fields.len() <= 3).ok_or_else(wrong)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // 1e9 s are more than thirty years, and exact to the microsecond.
    let plain = seconds.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds: f64 = seconds.parse().ok().filter(|s| plain && (0.0..=1e9).contains(s)).ok_or_else(wrong)?;
    let mut whole = 0u64;
    for field in above {
        let value: u64 = field.parse().ok().filter(|v| digits(field) && *v < 1_000_000).ok_or_else(wrong)?;
        whole = whole * 60 + value * 60;
    }
    if !above.is_empty() && seconds >= 60.0 {
        return Err(wrong());
    }
    Ok(Duration::from_secs(whole) + Duration::from_micros((seconds * 1e6).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        for (text, ms) in [
            ("0", 0),
            ("90", 90_000),
            ("1.5", 1500),
            (".25", 250),
            ("1:30", 90_000),
            ("1:02:03.5", 3_723_500),
            ("00:00:07", 7000),
        ] {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in
            ["", "-1", "1:", ":1", "1:60", "1:2:3:4", "x", "1e3", "inf", "nan", "+1:2", "99999999999"]
        {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
        assert!(parse_length("0").is_err() && parse_length("0.1").is_ok());
    }
}
