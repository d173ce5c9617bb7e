//! The kinds of output by their words, and what their files are called.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

/// One way to show the result.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// VP9 WebM with alpha.
    #[default]
    Alpha,
    /// Two fisheyes with the matte in the corners, for DeoVR and HereSphere.
    Packed,
    /// The matte as grey.
    Matte,
    /// The foreground before a colour: 8-bit R, G, B.
    Colour([u8; 3]),
    /// The foreground before a picture from a file.
    Picture(PathBuf),
    /// A PNG file with alpha for every frame.
    Png,
}

/// The green that DeoVR advises for its colour key.
const GREEN: [u8; 3] = [0x2b, 0xe6, 0x40];

impl OutputKind {
    /// The kind that a word stands for: `alpha`, `packed`, `matte`, `png`, `green`, `#rrggbb`, or the path of a
    /// picture, by which anything with an ending of one is taken.
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "alpha" => Self::Alpha,
            "packed" => Self::Packed,
            "matte" => Self::Matte,
            "png" => Self::Png,
            "green" => Self::Colour(GREEN),
            _ => match word.strip_prefix('#') {
                Some(digits) if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
                    Self::Colour([r, g, b])
                }
                _ => {
                    let ending = Path::new(word).extension()?.to_str()?.to_ascii_lowercase();
                    let is_picture = ["png", "jpg", "jpeg", "webp"].contains(&ending.as_str());
                    is_picture.then(|| Self::Picture(PathBuf::from(word)))?
                }
            },
        })
    }

    /// What is put behind the stem of a name where several outputs of an input are told apart. The first kind has
    /// been there alone for long, and keeps the plain name.
    fn ending(&self) -> OsString {
        match self {
            Self::Alpha | Self::Packed => OsString::new(),
            Self::Matte => "_matte".into(),
            Self::Colour(GREEN) => "_green".into(),
            Self::Colour([r, g, b]) => format!("_{r:02x}{g:02x}{b:02x}").into(),
            Self::Picture(path) => {
                let mut ending = OsString::from("_");
                ending.push(path.file_stem().unwrap_or(OsStr::new("picture")));
                ending
            }
            Self::Png => "_png".into(),
        }
    }

    /// The name of an output called `stem`, which for packed alpha has its marks already: `ending` says whether the
    /// kind is to be told by it. PNG files lie in a folder of that name.
    pub fn file_name(&self, stem: &OsStr, ending: bool) -> OsString {
        let mut name = stem.to_os_string();
        if ending {
            name.push(self.ending());
        }
        if *self != Self::Png {
            name.push(".webm");
        }
        name
    }

    /// Whether it is one stream, or none, rather than colour and alpha.
    pub fn is_alpha(&self) -> bool {
        *self == Self::Alpha
    }
}

impl fmt::Display for OutputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alpha => f.write_str("alpha"),
            Self::Packed => f.write_str("packed"),
            Self::Matte => f.write_str("matte"),
            Self::Colour([r, g, b]) => write!(f, "#{r:02x}{g:02x}{b:02x}"),
            Self::Picture(path) => write!(f, "{}", path.display()),
            Self::Png => f.write_str("png"),
        }
    }
}

/// The kinds of a list with commas. A picture with a comma in its name is given by itself.
///
/// # Errors
/// Says in words what a word should be.
pub fn parse_outputs(text: &str) -> Result<Vec<OutputKind>, String> {
    if let (true, Some(kind)) = (Path::new(text).is_file(), OutputKind::of(text)) {
        return Ok(vec![kind]);
    }
    let parse = |word: &str| {
        OutputKind::of(word).ok_or_else(|| {
            format!(
                "{word:?} is none of alpha, packed, matte, green, #rrggbb, png and a picture (.png, .jpg, .webp); the \
                 file to write is named with -o"
            )
        })
    };
    text.split(',').map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_their_words() {
        let parse = |text| parse_outputs(text).unwrap();
        assert_eq!(parse("alpha,packed"), [OutputKind::Alpha, OutputKind::Packed]);
        assert_eq!(parse("green"), parse("#2BE640"));
        assert_eq!(parse("#ff0080"), [OutputKind::Colour([255, 0, 128])]);
        assert_eq!(parse("a/beach.JPG,png"), [OutputKind::Picture("a/beach.JPG".into()), OutputKind::Png]);
        for wrong in ["", "clip.webm", "#12345", "#12345g", "Alpha", "alpha,", "beach"] {
            assert!(parse_outputs(wrong).unwrap_err().contains("-o"), "{wrong}");
        }
    }

    #[test]
    fn names_tell_kinds_apart() {
        let name = |kind: OutputKind, ending| kind.file_name(OsStr::new("film_LR_180"), ending);
        assert_eq!(name(OutputKind::Alpha, true), "film_LR_180.webm");
        assert_eq!(name(OutputKind::Matte, true), "film_LR_180_matte.webm");
        assert_eq!(name(OutputKind::Colour(GREEN), true), "film_LR_180_green.webm");
        assert_eq!(name(OutputKind::Colour([1, 2, 255]), true), "film_LR_180_0102ff.webm");
        assert_eq!(name(OutputKind::Picture("x/beach.jpg".into()), true), "film_LR_180_beach.webm");
        assert_eq!(name(OutputKind::Png, true), "film_LR_180_png");
        assert_eq!(name(OutputKind::Matte, false), "film_LR_180.webm");
    }
}
