//! The folders of finished segments of a file at work, one for each output.
#![forbid(unsafe_code)]

use super::file::locked;
use crate::pipeline::error::Error;
use crate::pipeline::plan::{FilePlan, OutputPlan};
use crate::pipeline::store::{Found, Store};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The folders, in the order of the outputs; each is opened when it is first needed.
pub(super) struct Folders(Vec<Folder>);

struct Folder {
    path: PathBuf,
    store: Mutex<Option<Arc<Store>>>,
}

impl Folders {
    /// Those of a file's outputs.
    pub(super) fn new(plan: &FilePlan, temp_dir: Option<&Path>) -> Self {
        let folder = |output: &OutputPlan| Folder {
            path: Store::folder_for(&output.target.path, temp_dir),
            store: Mutex::default(),
        };
        Self(plan.outputs.iter().map(folder).collect())
    }

    /// Whether an earlier run has left one.
    pub(super) fn any_exists(&self) -> bool {
        self.0.iter().any(|folder| folder.path.exists())
    }

    /// All of them, opened or made; says of what is of no use.
    ///
    /// # Errors
    /// When one cannot be written, or another process works there.
    pub(super) fn stores(&self, plan: &FilePlan, say: &dyn Fn(String)) -> Result<Vec<Arc<Store>>, Error> {
        let count = u32::try_from(plan.segments.len()).unwrap_or(u32::MAX);
        let outputs = self.0.iter().zip(&plan.outputs);
        outputs.map(|(folder, output)| folder.open(output, count, say)).collect()
    }

    /// Removes those that are open and hold nothing finished.
    pub(super) fn remove_empty(&self) {
        for folder in &self.0 {
            let store = locked(&folder.store).take_if(|store| store.finished().is_empty());
            if let Some(store) = store.and_then(Arc::into_inner) {
                // Failing again, now in tidying up, would hide why.
                let _ = store.remove();
            }
        }
    }

    /// Removes those that are open, and says which cannot be.
    pub(super) fn remove(&self, say: &dyn Fn(String)) {
        for folder in &self.0 {
            if let Some(store) = locked(&folder.store).take().and_then(Arc::into_inner)
                && let Err(error) = store.remove()
            {
                say(format!("{} is left behind: {error}", folder.path.display()));
            }
        }
    }
}

impl Folder {
    fn open(&self, output: &OutputPlan, segments: u32, say: &dyn Fn(String)) -> Result<Arc<Store>, Error> {
        let mut slot = locked(&self.store);
        if let Some(store) = &*slot {
            return Ok(Arc::clone(store));
        }
        let (store, found) = Store::open(self.path.clone(), &output.identity, segments, output.form())
            .map_err(|source| Error::Store { path: self.path.clone(), source })?;
        if let Found::Other { why, .. } = found {
            say(format!("begun anew, what an earlier run had left is of no use: {why}"));
        }
        Ok(Arc::clone(slot.insert(Arc::new(store))))
    }
}

/// Removes what an earlier run of this output has left, if it did.
///
/// # Errors
/// When it cannot be removed, or another process works there.
pub(in super::super) fn clear(output: &OutputPlan, temp_dir: Option<&Path>) -> Result<(), Error> {
    let path = Store::folder_for(&output.target.path, temp_dir);
    if !path.exists() {
        return Ok(());
    }
    let opened = Store::open(path.clone(), &output.identity, 0, output.form());
    opened.and_then(|(store, _)| store.remove()).map_err(|source| Error::Store { path, source })
}
