//! Chapters and tags in the user data of a movie: Nero's chpl, iTunes' ilst, QuickTime's own texts.
//!
//! Nobody needs them to play a file, so what is damaged is passed over. Bounded in number and bytes. Specs:
//! ISO/IEC 14496-12 §8.10, QuickTime file format (user data, metadata); chpl has no text but its readers.
#![forbid(unsafe_code)]

use crate::media::info::Chapter;

use super::boxes::{Box, be16, be32, be64};

const MAX_TEXT_BYTES: usize = 64 << 10;
const MAX_TAGS: usize = 200;

/// Types of boxes that are texts, and the names that Matroska has for them (its tag registry).
const TEXTS: [([u8; 4], &str); 10] = [
    (*b"\xa9nam", "TITLE"),
    (*b"\xa9ART", "ARTIST"),
    (*b"\xa9alb", "ALBUM"),
    (*b"\xa9day", "DATE_RELEASED"),
    (*b"\xa9cmt", "COMMENT"),
    (*b"\xa9gen", "GENRE"),
    (*b"\xa9dir", "DIRECTOR"),
    (*b"\xa9cpy", "COPYRIGHT"),
    (*b"cprt", "COPYRIGHT"),
    (*b"desc", "DESCRIPTION"),
];

/// The chapters and the tags of a moov box.
pub(super) fn read(moov: &Box<'_>) -> (Vec<Chapter>, Vec<(String, String)>) {
    let Some(data) = moov.children_after(0).find(|b| &b.kind == b"udta") else { return Default::default() };
    let chapters = data.children_after(0).find(|b| &b.kind == b"chpl").map(|b| chapters(b.body));
    let mut tags = Vec::new();
    let itunes = data.children_after(0).find(|b| &b.kind == b"meta").and_then(|meta| {
        // A full box, except in QuickTime files.
        let skip = if meta.body.get(4..8) == Some(b"hdlr") { 0 } else { 4 };
        meta.children_after(skip).find(|b| &b.kind == b"ilst")
    });
    let own = data.children_after(0).map(|b| (b, quicktime_text as fn(&Box<'_>) -> Option<String>));
    let listed = itunes.into_iter().flat_map(|list| list.children_after(0));
    let listed = listed.map(|b| (b, itunes_text as fn(&Box<'_>) -> Option<String>));
    for (found, text) in listed.chain(own).take(10 * MAX_TAGS) {
        let Some((_, name)) = TEXTS.iter().find(|(kind, _)| *kind == found.kind) else { continue };
        let is_new = tags.iter().all(|(known, _)| known != name);
        if let Some(value) = text(&found).filter(|_| is_new && tags.len() < MAX_TAGS) {
            tags.push(((*name).to_owned(), value));
        }
    }
    (chapters.unwrap_or_default(), tags)
}

/// `chpl`: a count, then times in 100 ns with titles of up to 255 bytes.
fn chapters(body: &[u8]) -> Vec<Chapter> {
    let head = if body.first() == Some(&1) { 8 } else { 4 };
    let Some((&count, mut rest)) = body.get(head..).and_then(<[u8]>::split_first) else { return Vec::new() };
    let mut chapters = Vec::new();
    for _ in 0..count {
        let next = be64(rest, 0).zip(rest.get(8)).and_then(|(start, &length)| {
            let title = rest.get(9..9 + usize::from(length))?;
            Some((i64::try_from(start).ok()?.checked_mul(100)?, title))
        });
        let Some((start_ns, title)) = next else { break };
        rest = &rest[9 + title.len()..];
        let title = String::from_utf8_lossy(title).into_owned();
        chapters.push(Chapter { start_ns, end_ns: None, title });
    }
    chapters
}

/// The `data` box in an item of `ilst`, where it is UTF-8 (type 1).
fn itunes_text(item: &Box<'_>) -> Option<String> {
    let data = item.children_after(0).find(|b| &b.kind == b"data")?;
    (be32(data.body, 0)? & 0x00ff_ffff == 1).then(|| text(data.body.get(8..)?)).flatten()
}

/// QuickTime's form: length, language, text. The first of several.
fn quicktime_text(item: &Box<'_>) -> Option<String> {
    if item.kind[0] != 0xa9 {
        return None;
    }
    text(item.body.get(4..4 + usize::from(be16(item.body, 0)?))?)
}

fn text(bytes: &[u8]) -> Option<String> {
    if bytes.len() > MAX_TEXT_BYTES {
        return None;
    }
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    let text = text.trim_matches('\0').trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::mp4::boxes;
    use crate::media::mp4::made::{bx, words};

    fn moov() -> Vec<u8> {
        let chpl =
            [&[1, 0, 0, 0, 0, 0, 0, 0, 2][..], &[0; 8], &[3], b"One", &15_000_000u64.to_be_bytes(), &[0]];
        let data = bx(b"data", &[&words(&[1, 0]), "Ein Film".as_bytes()]);
        let other = bx(b"data", &[&words(&[13, 0]), b"\xff\xd8"]);
        let ilst =
            bx(b"ilst", &[&bx(b"\xa9nam", &[&data]), &bx(b"covr", &[&other]), &bx(b"\xa9gen", &[&other])]);
        let meta = bx(b"meta", &[&words(&[0]), &bx(b"hdlr", &[&[0; 24]]), &ilst]);
        let own = bx(b"\xa9cmt", &[&[0, 4, 0, 0], b"text"]);
        bx(b"moov", &[&bx(b"udta", &[&bx(b"chpl", &chpl), &meta, &own])])
    }

    type Read = (Vec<Chapter>, Vec<(String, String)>);

    fn read_all(bytes: &[u8]) -> Option<Read> {
        boxes::children(bytes, 0).next()?.ok().map(|moov| read(&moov))
    }

    #[test]
    fn chapters_and_tags_of_both_kinds() {
        let (chapters, tags) = read_all(&moov()).unwrap();
        let chapters: Vec<_> = chapters.iter().map(|c| (c.start_ns, c.title.as_str())).collect();
        assert_eq!(chapters, [(0, "One"), (1_500_000_000, "")]);
        let tags: Vec<_> = tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(tags, [("TITLE", "Ein Film"), ("COMMENT", "text")]);
    }

    #[test]
    fn damage_is_passed_over() {
        let whole = moov();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = read_all(&damaged);
            }
            let _ = read_all(&whole[..at]);
        }
    }
}
