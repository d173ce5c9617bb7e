//! Where TensorRT's libraries lie: a path as given, or a search; and which version one is.
//!
//! Two libraries are needed, TensorRT itself and its ONNX parser, always from one folder. Nothing is loaded
//! by the search; [`version`] loads the library, which is then never unloaded.

use super::Error;
use std::ffi::{OsStr, c_int};
use std::fmt;
use std::path::{Path, PathBuf};

/// Environment variable with a library or a folder of them.
pub const VARIABLE: &str = "VRPIPE_TENSORRT";

/// Name of the product whose headers this program was built on.
pub const PRODUCT: &str =
    if cfg!(feature = "tensorrt-enterprise") { "TensorRT (enterprise)" } else { "TensorRT-RTX" };

/// File names before `.so`: the library and its parser.
const STEMS: (&str, &str) = if cfg!(feature = "tensorrt-enterprise") {
    ("libnvinfer", "libnvonnxparser")
} else {
    ("libtensorrt_rtx", "libtensorrt_onnxparser_rtx")
};

/// Folders in a Python environment that NVIDIA's wheels unpack to.
const WHEEL_FOLDERS: [&str; 2] = if cfg!(feature = "tensorrt-enterprise") {
    ["tensorrt_libs", "tensorrt"]
} else {
    ["tensorrt_rtx_libs", "tensorrt_rtx"]
};

/// The two libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libraries {
    /// TensorRT.
    pub library: PathBuf,
    /// Its parser of ONNX.
    pub parser: PathBuf,
}

/// Version of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number: a plan is good for one.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Finds the libraries: at `given`, a file or a folder, else at [`VARIABLE`], else in the usual places.
///
/// # Errors
/// [`Error::NoLibrary`], with every place looked at.
pub fn find(given: Option<&Path>) -> Result<Libraries, Error> {
    let named = std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
    match given.map(Path::to_path_buf).or(named) {
        Some(path) => find_in(&[path]),
        None => find_in(&usual_places()),
    }
}

/// The first of `places`, files or folders, that holds both libraries.
fn find_in(places: &[PathBuf]) -> Result<Libraries, Error> {
    let found = places.iter().find_map(|place| {
        let folder = if place.is_file() { place.parent()? } else { place };
        let library = if place.is_file() { place.clone() } else { library_in(folder, STEMS.0)? };
        Some(Libraries { library, parser: library_in(folder, STEMS.1)? })
    });
    found.ok_or_else(|| Error::NoLibrary { product: PRODUCT, names: STEMS, places: places.to_vec() })
}

/// `STEM.so`, or the highest `STEM.so.NUMBERS`.
fn library_in(folder: &Path, stem: &str) -> Option<PathBuf> {
    let prefix = format!("{stem}.so");
    let entries = std::fs::read_dir(folder).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| is_version_of(name, &prefix)).collect();
    names.sort_by_key(|name| numbers(&name[prefix.len()..]));
    names.pop().map(|name| folder.join(name))
}

fn is_version_of(name: &str, prefix: &str) -> bool {
    let rest = name.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') && !numbers(rest).is_empty())
}

fn numbers(text: &str) -> Vec<u32> {
    text.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// The loader's path, what lies beside the program, the system's folders, NVIDIA's archives, Python's packages.
/// The folder that the program happens to be started in is none of them: anybody may have put a library there.
fn usual_places() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> =
        std::env::var_os("LD_LIBRARY_PATH").iter().flat_map(std::env::split_paths).collect();
    places.extend(std::env::current_exe().iter().flat_map(|program| places_beside(program)));
    for folder in ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib"]
    {
        places.push(folder.into());
    }
    for folder in ["/usr/local/tensorrt/lib", "/opt/tensorrt/lib", "/opt/tensorrt_rtx/lib"] {
        places.push(folder.into());
    }
    places.extend(python_folders());
    places.retain(|place| place.is_absolute() && place.is_dir());
    places
}

/// The program's folder, `lib` beside it, and the tools of the checkout that it was built in (`target/release`,
/// `target/debug/deps`).
fn places_beside(program: &Path) -> Vec<PathBuf> {
    let Some(folder) = program.parent() else { return Vec::new() };
    let mut places = vec![folder.to_path_buf()];
    places.extend(folder.parent().map(|above| above.join("lib")));
    let target = folder.ancestors().find(|above| above.file_name() == Some(OsStr::new("target")));
    places.extend(target.and_then(Path::parent).map(|checkout| checkout.join(".tools/tensorrt")));
    places
}

/// Packages of the active virtual environment, of the user and of the system.
fn python_folders() -> Vec<PathBuf> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".local"));
    let mut folders = Vec::new();
    for root in active.chain(home).chain(["/usr/local".into(), "/usr".into()]) {
        let Ok(entries) = std::fs::read_dir(root.join("lib")) else { continue };
        let is_python = |name: &OsStr| name.to_string_lossy().starts_with("python3");
        let pythons = entries.flatten().filter(|entry| is_python(&entry.file_name()));
        let mut pythons: Vec<PathBuf> = pythons.map(|entry| entry.path()).collect();
        pythons.sort();
        for packages in
            pythons.iter().flat_map(|path| ["site-packages", "dist-packages"].map(|p| path.join(p)))
        {
            folders.extend(WHEEL_FOLDERS.map(|folder| packages.join(folder)));
        }
    }
    folders
}

/// Version of the headers that this program was built on: major and minor.
const HEADERS: (u32, u32) = if cfg!(feature = "tensorrt-enterprise") { (11, 4) } else { (1, 7) };

/// As [`find`], and asks the library for its version, which must be the one that this program was built for.
///
/// # Errors
/// Those of [`find`] and [`version`]; [`Error::LibraryVersion`].
pub fn look(given: Option<&Path>) -> Result<(Libraries, Version), Error> {
    let libraries = find(given)?;
    let version = version(&libraries)?;
    if (version.major, version.minor) != HEADERS {
        let (major, minor) = HEADERS;
        return Err(Error::LibraryVersion {
            path: libraries.library,
            expected: format!("{major}.{minor}"),
            got: version.to_string(),
        });
    }
    Ok((libraries, version))
}

/// Loads the library and asks for its version.
///
/// # Errors
/// [`Error::NotLoaded`] when it is none, or misses something that it needs itself.
pub fn version(libraries: &Libraries) -> Result<Version, Error> {
    let failed = |source| Error::NotLoaded { path: libraries.library.clone(), source };
    // SAFETY: a library that the user names or installed; its initialisers do nothing but prepare it.
    let handle = unsafe { libloading::Library::new(&libraries.library) }.map_err(failed)?;
    // Never unloaded: it keeps threads and objects of its own.
    let handle = std::mem::ManuallyDrop::new(handle);
    let ask = |name: &str| {
        // SAFETY: NvInferRuntime.h declares these as functions without arguments that give an int32_t.
        let function = unsafe { handle.get::<unsafe extern "C" fn() -> c_int>(name) }.map_err(failed)?;
        // SAFETY: as above; they have no preconditions.
        Ok::<_, Error>(unsafe { function() }.unsigned_abs())
    };
    Ok(Version {
        major: ask("getInferLibMajorVersion")?,
        minor: ask("getInferLibMinorVersion")?,
        patch: ask("getInferLibPatchVersion")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_beside_its_parser_is_found() {
        let root = tempfile::tempdir().unwrap();
        let (empty, full) = (root.path().join("empty"), root.path().join("full"));
        for folder in [&empty, &full] {
            std::fs::create_dir(folder).unwrap();
        }
        let (library, parser) = STEMS;
        for name in [
            format!("{library}.so.1.9.2"),
            format!("{library}.so.1.10.0"),
            format!("{library}.so.txt"),
            format!("{parser}.so.1"),
        ] {
            std::fs::write(full.join(name), "").unwrap();
        }
        // A library without its parser is passed over.
        std::fs::write(empty.join(format!("{library}.so")), "").unwrap();
        let found = find_in(&[empty.clone(), full.clone()]).unwrap();
        assert_eq!(found.library, full.join(format!("{library}.so.1.10.0")));
        assert_eq!(found.parser, full.join(format!("{parser}.so.1")));
        let named = full.join(format!("{library}.so.1.9.2"));
        assert_eq!(find(Some(&named)).unwrap().library, named);

        let text = find_in(std::slice::from_ref(&empty)).unwrap_err().to_string();
        assert!(text.contains(&empty.display().to_string()) && text.contains("--tensorrt-lib"), "{text}");
        let beside = places_beside(Path::new("/home/a/target/debug/deps/vrpipe"));
        assert!(beside.contains(&"/home/a/.tools/tensorrt".into()), "{beside:?}");
        assert!(usual_places().iter().all(|place| place.is_absolute()));
        let error = version(&found).unwrap_err();
        assert!(matches!(&error, Error::NotLoaded { path, .. } if *path == found.library), "{error}");
    }
}
