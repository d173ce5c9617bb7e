//! Which GPUs TensorRT serves: compute capabilities by name, and those that this flavour takes.
//!
//! TensorRT-RTX serves GeForce and RTX GPUs; data-centre GPUs such as the H100 (9.0) are for enterprise
//! TensorRT. Spec: `ComputeCapability` in NvInfer.h of TensorRT-RTX 1.7; its support matrix.
#![forbid(unsafe_code)]

use super::{Error, library::PRODUCT};
use std::fmt;
use std::str::FromStr;

/// A compute capability, such as 8.9.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Capability {
    /// Before the dot.
    pub major: u32,
    /// After it.
    pub minor: u32,
}

impl Capability {
    /// Two numbers.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// What this flavour of TensorRT takes, lowest first.
    pub const SERVED: &[Self] = if cfg!(feature = "tensorrt-enterprise") {
        &[
            Self::new(7, 5),
            Self::new(8, 0),
            Self::new(8, 6),
            Self::new(8, 9),
            Self::new(9, 0),
            Self::new(10, 0),
            Self::new(12, 0),
        ]
    } else {
        &[
            Self::new(7, 5),
            Self::new(8, 0),
            Self::new(8, 6),
            Self::new(8, 9),
            Self::new(12, 0),
            Self::new(12, 1),
        ]
    };

    /// Whether TensorRT runs on such a GPU.
    ///
    /// # Errors
    /// [`Error::NotServed`], which says what is served.
    pub fn check(self) -> Result<(), Error> {
        if Self::SERVED.contains(&self) {
            return Ok(());
        }
        Err(Error::NotServed { product: PRODUCT, got: self, served: list(Self::SERVED) })
    }

    /// As in file names: `sm89`.
    pub fn sm(self) -> String {
        format!("sm{}{}", self.major, self.minor)
    }
}

/// Capabilities for a message.
fn list(all: &[Capability]) -> String {
    all.iter().map(Capability::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// No compute capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no compute capability; one looks like 8.9")]
pub struct NoCapability {
    /// What was given.
    pub got: String,
}

impl FromStr for Capability {
    type Err = NoCapability;

    fn from_str(text: &str) -> Result<Self, NoCapability> {
        let numbers = text.split_once('.').and_then(|(major, minor)| {
            let minor = minor.parse().ok().filter(|&minor: &u32| minor < 10)?;
            Some(Self { major: major.parse().ok().filter(|&major: &u32| major < 100)?, minor })
        });
        numbers.ok_or_else(|| NoCapability { got: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_go_both_ways() {
        for text in ["7.5", "8.9", "12.0"] {
            assert_eq!(text.parse::<Capability>().unwrap().to_string(), text);
        }
        for text in ["", "8", "8.", ".9", "8.9.1", "8.10", "-8.9", "100.0"] {
            assert!(text.parse::<Capability>().is_err(), "{text}");
        }
        assert_eq!(Capability::new(12, 0).sm(), "sm120");
    }

    #[cfg(not(feature = "tensorrt-enterprise"))]
    #[test]
    fn hopper_is_refused_by_name() {
        let text = Capability::new(9, 0).check().unwrap_err().to_string();
        assert!(
            text.contains("TensorRT-RTX") && text.contains("9.0") && text.contains("8.9, 12.0"),
            "{text}"
        );
        assert!(Capability::new(8, 6).check().is_ok());
    }
}
