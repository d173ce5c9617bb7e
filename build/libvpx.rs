//! Compiles the C shim of `vp9` and links libvpx statically.
//!
//! Why a shim: the configuration structs and ABI numbers of libvpx differ between the versions that
//! distributions ship (1.11 in Ubuntu 22.04, 1.12 in Debian 12, 1.14 in Ubuntu 24.04). Compiled
//! against the installed headers, the C compiler settles both; bindings would need libclang or one
//! copy of the structs for each version.
//!
//! Why static: the binary then needs no libvpx package where it runs.

use crate::library::{Library, list};

use std::env;

const ARCHIVE: &str = "libvpx.a";
const HEADER: &str = "vpx/vpx_encoder.h";
const SHIM: &str = "src/vp9/shim.c";
/// Allocation for libvpx; see there.
const MEMORY: &str = "src/vp9/memory.c";
const SHIM_HEADER: &str = "src/vp9/shim.h";
const LIBRARY: Library = Library { name: "vpx", package: "libvpx-dev", dir_variable: "VRPIPE_LIBVPX_DIR" };

/// Finds libvpx, compiles the shim, tells cargo to link both.
pub fn build() {
    println!("cargo::rerun-if-changed=build/libvpx.rs");
    println!("cargo::rerun-if-changed={SHIM}");
    println!("cargo::rerun-if-changed={MEMORY}");
    println!("cargo::rerun-if-changed={SHIM_HEADER}");

    let (folders, includes) = LIBRARY.candidates();
    let folder = LIBRARY.folder(ARCHIVE, &folders);

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
        None if env::var_os(LIBRARY.dir_variable).is_some() => {
            LIBRARY.fail(&format!("no {HEADER} in any of {}", list(&includes)));
        }
        None => {}
    }
    if let Err(error) = shim.try_compile("vrpipe_vp9_shim") {
        LIBRARY.fail(&format!("{SHIM} does not compile, are the headers of libvpx there? {error}"));
    }
    LIBRARY.link(ARCHIVE, &folder);
    println!("cargo::rustc-link-lib=pthread");
}
