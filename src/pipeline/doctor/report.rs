//! What the doctor says: checks with verdicts, as text and as JSON.
#![forbid(unsafe_code)]

use super::super::fault::Fault;
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// What a finding means for a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it should be, or not needed.
    Good,
    /// A run works, but slower or not with every video.
    Limited,
    /// A run would fail like this.
    Fatal(Fault),
}

impl Verdict {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Limited => "limited",
            Self::Fatal(_) => "missing",
        }
    }
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What was looked at.
    pub subject: String,
    /// What that means.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What can be done about it, or need not be.
    pub advice: Option<String>,
}

impl Check {
    /// A finding without advice.
    pub(super) fn new(subject: &str, verdict: Verdict, found: String) -> Self {
        Self { subject: subject.to_owned(), verdict, found, advice: None }
    }

    /// With advice.
    pub(super) fn advice(self, advice: &str) -> Self {
        Self { advice: Some(advice.to_owned()), ..self }
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Check", 4)?;
        fields.serialize_field("subject", &self.subject)?;
        fields.serialize_field("verdict", self.verdict.word())?;
        fields.serialize_field("found", &self.found)?;
        fields.serialize_field("advice", &self.advice)?;
        fields.end()
    }
}

/// All findings.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Checkup {
    /// In the order in which they are told.
    pub checks: Vec<Check>,
    /// Whether a run would work.
    pub works: bool,
    /// 0, or that of the first thing a run would fail with.
    pub exit_code: u8,
}

impl Checkup {
    /// The sum of the findings.
    pub fn new(checks: Vec<Check>) -> Self {
        let fault = checks.iter().find_map(|check| match check.verdict {
            Verdict::Fatal(fault) => Some(fault),
            _ => None,
        });
        Self { checks, works: fault.is_none(), exit_code: fault.map_or(0, Fault::exit_code) }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for Check { subject, verdict, found, advice } in &self.checks {
            // A finding may take several lines, such as the places that were looked at.
            let mut parts = found.lines();
            let first = parts.next().unwrap_or_default();
            lines.push(format!("{:<8} {subject:<9} {first}", verdict.word()));
            lines.extend(parts.map(|part| format!("{:19}{part}", "")));
            lines.extend(advice.iter().map(|advice| format!("{:19}-> {advice}", "")));
        }
        lines.push(match self.works {
            true => "a run works here".to_owned(),
            false => format!("a run would fail here (exit code {})", self.exit_code),
        });
        lines.join("\n")
    }
}
