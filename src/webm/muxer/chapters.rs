//! Chapters ahead of the clusters: one edition, flat. Spec: RFC 9559 §5.1.7, what of it WebM allows.
#![forbid(unsafe_code)]

use crate::webm::ebml::write;
use crate::webm::ids;

/// A chapter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chapter {
    /// Where it begins.
    pub start_ns: u64,
    /// Where it ends; players take the next one's start where it is not told.
    pub end_ns: Option<u64>,
    /// Its title, which may be empty.
    pub title: String,
}

/// Chapters, nothing when there are none.
pub(super) fn chapters(chapters: &[Chapter]) -> Vec<u8> {
    let mut out = Vec::new();
    if chapters.is_empty() {
        return out;
    }
    write::master(&mut out, ids::CHAPTERS, |out| {
        write::master(out, ids::EDITION_ENTRY, |out| {
            for (uid, chapter) in (1..).zip(chapters) {
                write::master(out, ids::CHAPTER_ATOM, |out| {
                    // Mandatory and not 0; numbers, so that equal input gives equal bytes.
                    write::uint(out, ids::CHAPTER_UID, uid);
                    write::uint(out, ids::CHAPTER_TIME_START, chapter.start_ns);
                    if let Some(end_ns) = chapter.end_ns {
                        write::uint(out, ids::CHAPTER_TIME_END, end_ns);
                    }
                    write::master(out, ids::CHAPTER_DISPLAY, |out| {
                        write::string(out, ids::CHAP_STRING, &chapter.title);
                        write::string(out, ids::CHAP_LANGUAGE, "und");
                    });
                });
            }
        });
    });
    out
}
