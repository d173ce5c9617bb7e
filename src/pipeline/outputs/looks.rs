//! Tables and pictures of outputs, made when they are first asked for and shared by all lanes of a run.
#![forbid(unsafe_code)]

use super::look::{Look, Scenery};
use crate::frame::Range;
use crate::render::backdrop::Picture;
use crate::render::packed::Packer;
use crate::render::{self, Backdrop, Grey, Renderer};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Looks that are kept: those of the files that lanes are at, and one or two more. The table of a packed 8K frame is
/// 118 MB.
const MOST_KEPT: usize = 4;

/// What was made so far.
#[derive(Default)]
pub struct Looks {
    made: Mutex<Vec<(Look, Renderer)>>,
    pictures: Mutex<HashMap<PathBuf, (String, Arc<Picture>)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is added whole or not at all.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Looks {
    /// What renders a look; `None` where frames are taken as they are. Called by lanes, which then wait for one
    /// another: all of them need it.
    ///
    /// # Errors
    /// When a picture cannot be read.
    pub fn renderer(&self, look: &Look) -> Result<Option<Renderer>, render::Error> {
        let mut made = locked(&self.made);
        if let Some((_, renderer)) = made.iter().find(|(known, _)| known == look) {
            return Ok(Some(renderer.clone()));
        }
        let renderer = match look {
            Look::Alpha | Look::Png => return Ok(None),
            Look::Matte => Renderer::Matte(Box::new(Grey::new(Range::Limited))),
            Look::Backdrop { scenery, size, eyes, colour } => Renderer::Backdrop(Arc::new(match scenery {
                Scenery::Colour(rgb) => Backdrop::flat(*size, *rgb, *colour),
                Scenery::Picture(path) => self.picture(path)?.1.backdrop(*size, eyes, *colour),
            })),
            Look::Packed { geometry, range } => {
                Renderer::Packed(Arc::new(Packer::new(geometry.clone(), *range)))
            }
        };
        made.truncate(MOST_KEPT - 1);
        made.insert(0, (look.clone(), renderer.clone()));
        Ok(Some(renderer))
    }

    /// A picture, and SHA-256 of its file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn picture(&self, path: &Path) -> Result<(String, Arc<Picture>), render::Error> {
        let mut pictures = locked(&self.pictures);
        if let Some(known) = pictures.get(path) {
            return Ok(known.clone());
        }
        let failed = |source: std::io::Error| render::Error::Picture {
            path: path.to_path_buf(),
            source: source.into(),
        };
        let digest = Sha256::digest(std::fs::read(path).map_err(failed)?);
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let entry = (hash, Arc::new(Picture::read(path)?));
        pictures.insert(path.to_path_buf(), entry.clone());
        Ok(entry)
    }
}
