//! Compiles the C shim of `vp9` and links libvpx statically.
//!
//! Why a shim: the configuration structs and ABI numbers of libvpx differ between the versions that
//! distributions ship (1.11 in Ubuntu 22.04, 1.12 in Debian 12, 1.14 in Ubuntu 24.04). Compiled
//! against the installed headers, the C compiler settles both; bindings would need libclang or one
//! copy of the structs for each version.
//!
//! Why static, and found by hand: the binary then needs no libvpx package where it runs. pkg-config
//! will not hand out a static library that lies in a system folder, so only its folder is asked for.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIBRARY: &str = "libvpx.a";
const HEADER: &str = "vpx/vpx_encoder.h";
const SHIM: &str = "src/vp9/shim.c";
/// Allocation for libvpx; see there.
const MEMORY: &str = "src/vp9/memory.c";
const SHIM_HEADER: &str = "src/vp9/shim.h";
/// Names the folder of a libvpx that is not the system's: either a prefix with `lib` and `include`
/// in it, or the folder of `libvpx.a` itself with the headers under `include` there or beside it.
const DIR_VARIABLE: &str = "VRPIPE_LIBVPX_DIR";

/// Finds libvpx, compiles the shim, tells cargo to link both.
pub fn build() {
    println!("cargo::rerun-if-env-changed={DIR_VARIABLE}");
    println!("cargo::rerun-if-changed=build/libvpx.rs");
    println!("cargo::rerun-if-changed={SHIM}");
    println!("cargo::rerun-if-changed={MEMORY}");
    println!("cargo::rerun-if-changed={SHIM_HEADER}");

    let (folders, includes) = candidates();
    let Some(folder) = folders.iter().find(|folder| folder.join(LIBRARY).is_file()) else {
        fail(&format!("no {LIBRARY} in any of {}", list(&folders)));
    };
    println!("cargo::rerun-if-changed={}", folder.join(LIBRARY).display());

    let mut shim = cc::Build::new();
    shim.file(SHIM)
        .file(MEMORY)
        .std("c11")
        .define("_POSIX_C_SOURCE", "200809L")
        .warnings(true)
        .extra_warnings(true);
    // A folder of the user's goes before the system's; without one the compiler knows where to look.
    match includes.iter().find(|folder| folder.join(HEADER).is_file()) {
        Some(include) => {
            shim.include(include);
        }
        None if env::var_os(DIR_VARIABLE).is_some() => {
            fail(&format!("no {HEADER} in any of {}", list(&includes)));
        }
        None => {}
    }
    if let Err(error) = shim.try_compile("vrpipe_vp9_shim") {
        fail(&format!("{SHIM} does not compile, are the headers of libvpx there? {error}"));
    }

    println!("cargo::rustc-link-search=native={}", folder.display());
    println!("cargo::rustc-link-lib=static:+verbatim={LIBRARY}");
    println!("cargo::rustc-link-lib=m");
    println!("cargo::rustc-link-lib=pthread");
}

/// Where the library and its headers may lie, in the order in which they are tried.
fn candidates() -> (Vec<PathBuf>, Vec<PathBuf>) {
    if let Some(dir) = env::var_os(DIR_VARIABLE).map(PathBuf::from) {
        let beside = dir.join("../include");
        return (vec![dir.clone(), dir.join("lib"), dir.join("lib64")], vec![dir.join("include"), beside]);
    }
    let mut folders: Vec<PathBuf> = pkg_config("libdir").into_iter().collect();
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    folders.push(Path::new("/usr/lib").join(format!("{arch}-linux-gnu")));
    folders.extend(["/usr/lib64", "/usr/lib", "/usr/local/lib"].map(PathBuf::from));
    (folders, pkg_config("includedir").into_iter().collect())
}

/// A variable of libvpx's pkg-config file; `None` without pkg-config or without the file.
fn pkg_config(variable: &str) -> Option<PathBuf> {
    let output = Command::new("pkg-config").arg(format!("--variable={variable}")).arg("vpx").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let path = text.trim();
    (output.status.success() && !path.is_empty()).then(|| PathBuf::from(path))
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn fail(cause: &str) -> ! {
    println!("cargo::error=libvpx: {cause}");
    println!("cargo::error=install it (Debian, Ubuntu: apt-get install libvpx-dev) or set {DIR_VARIABLE}");
    std::process::exit(1)
}
