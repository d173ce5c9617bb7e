//! Finds a static C library and its headers.
//!
//! Found by hand, because pkg-config will not hand out a static library that lies in a system
//! folder; so only its folder is asked for.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A library that is linked statically.
pub struct Library {
    /// What it is called in messages, and by pkg-config.
    pub name: &'static str,
    /// The package of Debian and Ubuntu that has it.
    pub package: &'static str,
    /// Names the folder of a library that is not the system's: either a prefix with `lib` and
    /// `include` in it, or the folder of the library itself with the headers under `include` there
    /// or beside it.
    pub dir_variable: &'static str,
}

impl Library {
    /// Where the library and its headers may lie, in the order in which they are tried.
    pub fn candidates(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        println!("cargo::rerun-if-env-changed={}", self.dir_variable);
        if let Some(dir) = env::var_os(self.dir_variable).map(PathBuf::from) {
            let beside = dir.join("../include");
            return (
                vec![dir.clone(), dir.join("lib"), dir.join("lib64")],
                vec![dir.join("include"), beside],
            );
        }
        let mut folders: Vec<PathBuf> = self.pkg_config("libdir").into_iter().collect();
        let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
        folders.push(Path::new("/usr/lib").join(format!("{arch}-linux-gnu")));
        folders.extend(["/usr/lib64", "/usr/lib", "/usr/local/lib"].map(PathBuf::from));
        (folders, self.pkg_config("includedir").into_iter().collect())
    }

    /// The first of the folders that has the static library.
    pub fn folder(&self, archive: &str, folders: &[PathBuf]) -> PathBuf {
        let Some(folder) = folders.iter().find(|folder| folder.join(archive).is_file()) else {
            self.fail(&format!("no {archive} in any of {}", list(folders)));
        };
        println!("cargo::rerun-if-changed={}", folder.join(archive).display());
        folder.clone()
    }

    /// Tells cargo to link it.
    pub fn link(&self, archive: &str, folder: &Path) {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:+verbatim={archive}");
        println!("cargo::rustc-link-lib=m");
    }

    /// Ends the build with the reason and what to do about it.
    pub fn fail(&self, cause: &str) -> ! {
        let Self { name, package, dir_variable } = self;
        println!("cargo::error=lib{name}: {cause}");
        println!("cargo::error=install it (Debian, Ubuntu: apt-get install {package}) or set {dir_variable}");
        std::process::exit(1)
    }

    /// A variable of its pkg-config file; `None` without pkg-config or without the file.
    fn pkg_config(&self, variable: &str) -> Option<PathBuf> {
        let output =
            Command::new("pkg-config").arg(format!("--variable={variable}")).arg(self.name).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let path = text.trim();
        (output.status.success() && !path.is_empty()).then(|| PathBuf::from(path))
    }
}

/// Paths for a message.
pub fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
