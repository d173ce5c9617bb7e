//! Where a model lies: a path as given, or a short name looked up in the model folders.
#![forbid(unsafe_code)]

use super::variant::Variant;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// Environment variable with folders to search first, separated as in `PATH`.
pub const FOLDERS_VARIABLE: &str = "VRPIPE_MODELS";
/// Searched last, and where downloads go.
pub const DEFAULT_FOLDER: &str = "engines";

/// In this order: the first that is there wins.
const EXTENSIONS: [&str; 3] = ["safetensors", "pth", "onnx"];

/// No such model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// What was asked for.
    pub model: String,
    /// Every file that was looked for.
    pub places: Vec<PathBuf>,
}

impl std::error::Error for NotFound {}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no model {:?}; looked for", self.model)?;
        for place in &self.places {
            writeln!(f, "  {}", place.display())?;
        }
        let variant = self.model.parse().unwrap_or(Variant::MobileNetV3);
        write!(f, "`vrpipe model fetch {variant}` downloads the published one")
    }
}

/// Folders from [`FOLDERS_VARIABLE`], then [`DEFAULT_FOLDER`].
pub fn model_folders() -> Vec<PathBuf> {
    folders_from(std::env::var_os(FOLDERS_VARIABLE).as_deref())
}

fn folders_from(variable: Option<&OsStr>) -> Vec<PathBuf> {
    let listed = variable.into_iter().flat_map(std::env::split_paths);
    let listed = listed.filter(|folder| !folder.as_os_str().is_empty());
    listed.chain([PathBuf::from(DEFAULT_FOLDER)]).collect()
}

/// The file of a model: `model` itself if it is a file; else, for a bare file name, that name in a
/// folder; else, for a name such as `mobilenetv3`, `rvm_NAME` or `rvm_NAME_fp32` with any of the
/// three extensions.
///
/// # Errors
/// [`NotFound`], with every place looked at.
pub fn locate(model: &str, folders: &[PathBuf]) -> Result<PathBuf, NotFound> {
    let mut places = candidates(model, folders);
    match places.iter().position(|place| place.is_file()) {
        Some(found) => Ok(places.swap_remove(found)),
        None => Err(NotFound { model: model.to_owned(), places }),
    }
}

fn candidates(model: &str, folders: &[PathBuf]) -> Vec<PathBuf> {
    let path = Path::new(model);
    let mut places = vec![path.to_owned()];
    if path.file_name() != Some(path.as_os_str()) {
        return places; // it has a folder, so it is a path and nothing else
    }
    let known = path.extension().is_some_and(|found| EXTENSIONS.iter().any(|known| found == *known));
    if known {
        places.extend(folders.iter().map(|folder| folder.join(path)));
        return places;
    }
    let lower = model.to_lowercase();
    let stem = format!("rvm_{}", lower.strip_prefix("rvm_").unwrap_or(&lower));
    for folder in folders {
        for stem in [stem.clone(), format!("{stem}_fp32")] {
            places.extend(EXTENSIONS.iter().map(|extension| folder.join(format!("{stem}.{extension}"))));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir, write};

    #[test]
    fn names_are_found_in_order_of_folders_then_of_kinds() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["first", "second"].map(|name| root.path().join(name));
        folders.iter().for_each(|folder| create_dir(folder).unwrap());
        let [first, second] = &folders;
        let find = |model: &str| locate(model, &folders).ok();

        assert_eq!(find("mobilenetv3"), None);
        write(second.join("rvm_mobilenetv3.pth"), "").unwrap();
        assert_eq!(find("mobilenetv3"), Some(second.join("rvm_mobilenetv3.pth")));
        write(second.join("rvm_mobilenetv3.safetensors"), "").unwrap();
        assert_eq!(find("RVM_MobileNetV3"), Some(second.join("rvm_mobilenetv3.safetensors")));
        write(first.join("rvm_mobilenetv3_fp32.onnx"), "").unwrap();
        assert_eq!(find("mobilenetv3"), Some(first.join("rvm_mobilenetv3_fp32.onnx")));
        assert_eq!(find("rvm_mobilenetv3.pth"), Some(second.join("rvm_mobilenetv3.pth")));
        assert_eq!(find("resnet50"), None);
        let path = second.join("rvm_mobilenetv3.pth");
        assert_eq!(find(path.to_str().unwrap()), Some(path));
    }

    #[test]
    fn the_error_lists_the_places_and_a_way_out() {
        let folders = folders_from(Some("/a/models:/b".as_ref()));
        let text = locate("resnet50", &folders).unwrap_err().to_string();
        for part in [
            "\"resnet50\"",
            "/a/models/rvm_resnet50.safetensors\n",
            "/b/rvm_resnet50_fp32.onnx\n",
            "engines/rvm_resnet50.pth\n",
            "`vrpipe model fetch resnet50`",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let text = locate("/no/such.pth", &folders).unwrap_err().to_string();
        assert!(text.contains("  /no/such.pth\n`vrpipe model fetch mobilenetv3`"), "{text}");
        assert_eq!(folders_from(None), [PathBuf::from("engines")]);
        assert_eq!(folders_from(Some("".as_ref())), [PathBuf::from("engines")]);
    }
}
