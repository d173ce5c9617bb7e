//! The files of the published release that are downloaded, and how to know them.
#![forbid(unsafe_code)]

use crate::rvm::variant::Variant;

/// Where the release lies; file names follow after a slash.
pub const BASE_URL: &str = "https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0";

/// A file and what it must contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedFile {
    /// File name, on the server and here.
    pub name: &'static str,
    /// Size, where known.
    pub bytes: Option<u64>,
    /// SHA-256 in lower-case hex.
    pub sha256: &'static str,
}

impl PublishedFile {
    /// The weights of a variant: the float32 ONNX model of the release.
    pub fn of(variant: Variant) -> Self {
        match variant {
            Variant::MobileNetV3 => Self {
                name: "rvm_mobilenetv3_fp32.onnx",
                bytes: Some(14_975_696),
                sha256: "88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828",
            },
            Variant::ResNet50 => Self {
                name: "rvm_resnet50_fp32.onnx",
                bytes: None,
                sha256: "25db300fcb6ee27f941a1b52c97856e8d1f13c7f35817f81a612f89af0e8a85c",
            },
        }
    }
}
