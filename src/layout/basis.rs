//! What a statement about a video rests on, and how far it can be believed.
#![forbid(unsafe_code)]

/// Where a statement was read from, most trustworthy first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The user said so.
    Option,
    /// A box or element of the container.
    Container,
    /// A mark in the file name.
    FileName,
    /// The sides of the frame, with what else is known.
    Shape,
    /// Nothing said anything: the plainest was assumed.
    Default,
}

/// How far a statement can be believed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Somebody who knows has said it.
    Certain,
    /// Names are given by hand, and titles can look like marks.
    Likely,
    /// May as well be otherwise.
    Guess,
}

impl std::fmt::Display for Confidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Guess => "a guess",
        })
    }
}

/// What a statement rests on.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize)]
pub struct Basis {
    /// The kind of source.
    pub evidence: Evidence,
    /// How far to believe it.
    pub confidence: Confidence,
    /// The very words: the box with its value, or the mark in the name.
    pub detail: String,
}

impl Basis {
    /// A basis of this kind; the kind decides on the confidence.
    pub fn new(evidence: Evidence, detail: String) -> Self {
        let confidence = match evidence {
            Evidence::Option | Evidence::Container => Confidence::Certain,
            Evidence::FileName => Confidence::Likely,
            Evidence::Shape | Evidence::Default => Confidence::Guess,
        };
        Self { evidence, confidence, detail }
    }

    /// Whether somebody has said it, rather than that it was inferred.
    pub fn is_stated(&self) -> bool {
        self.confidence != Confidence::Guess
    }
}

impl std::fmt::Display for Basis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.confidence, self.detail)
    }
}
