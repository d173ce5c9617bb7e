//! What tests of several modules share: where the test data lies, and skipping by name.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

/// The file `relative` of the test data beside the checkout, or `None` after printing that the
/// test called `test` is skipped and why. `make test` counts these lines.
pub fn shared(test: &str, relative: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(relative);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {test}: no test data ../shared/{relative} beside the checkout");
    None
}
