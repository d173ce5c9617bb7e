//! Links libopus statically, so that the binary needs no package of it where it runs.
//!
//! No shim and no headers: its types are opaque and its constants are promised not to change (the
//! same from 1.1 on), so `src/sound/ffi.rs` declares the few functions itself.

use crate::library::Library;

const ARCHIVE: &str = "libopus.a";
const LIBRARY: Library = Library { name: "opus", package: "libopus-dev", dir_variable: "VRPIPE_LIBOPUS_DIR" };

/// Finds libopus and tells cargo to link it.
pub fn build() {
    println!("cargo::rerun-if-changed=build/libopus.rs");
    let (folders, _) = LIBRARY.candidates();
    let folder = LIBRARY.folder(ARCHIVE, &folders);
    LIBRARY.link(ARCHIVE, &folder);
}
