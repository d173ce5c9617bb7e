//! Chapters and tags: optional elements ahead of the clusters, or behind them where a SeekHead says.
//!
//! Nobody needs them to play a file, so what is damaged is passed over without a word. Bounded in bytes and
//! number. Specs: RFC 9559 §5.1.7, §5.1.8, §5.1.1.
#![forbid(unsafe_code)]

use crate::media::info::Chapter;
use crate::media::input::Input;

use super::ebml::{self, Header, child, children, unsigned};

const MAX_BYTES: u64 = 1 << 20;
const MAX_SEEKS: usize = 32;
const MAX_CHAPTERS: usize = 1000;
const MAX_TAGS: usize = 200;
/// A longer text is no title.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// The bodies of the elements found.
#[derive(Default)]
pub(super) struct Extras {
    bodies: Vec<(u32, Vec<u8>)>,
    /// ID and place in the Segment, by SeekHead.
    seeks: Vec<(u32, u64)>,
}

/// What tags say of the whole file.
#[derive(Default)]
pub(super) struct Tags {
    /// Name and value.
    pub(super) named: Vec<(String, String)>,
    /// XML of spherical video, version 1.
    pub(super) spherical: Option<String>,
}

impl Extras {
    /// Whether an element is one of those that are looked at.
    pub(super) fn wants(id: u32) -> bool {
        matches!(id, ebml::SEEK_HEAD | ebml::CHAPTERS | ebml::TAGS)
    }

    /// Reads the element at `at`, which ends at `end`.
    pub(super) fn take(&mut self, input: &mut Input, (at, end): (u64, u64), header: Header) {
        let body_at = at + header.bytes as u64;
        let length = end.saturating_sub(body_at);
        if length > MAX_BYTES || self.bodies.len() >= MAX_SEEKS {
            return;
        }
        let Ok(body) = input.read_vec(body_at, length, MAX_BYTES, "chapters or tags") else { return };
        if header.id != ebml::SEEK_HEAD {
            self.bodies.push((header.id, body));
            return;
        }
        for (_, seek) in children(&body).filter(|(id, _)| *id == ebml::SEEK).take(MAX_SEEKS) {
            let id = child(seek, ebml::SEEK_ID).and_then(unsigned).and_then(|id| u32::try_from(id).ok());
            let place = child(seek, ebml::SEEK_POSITION).and_then(unsigned);
            self.seeks.extend(id.zip(place).filter(|(id, _)| matches!(*id, ebml::CHAPTERS | ebml::TAGS)));
        }
    }

    /// Reads what SeekHead names and was not seen, in a Segment whose data lie in `start..stop`.
    pub(super) fn follow(&mut self, input: &mut Input, start: u64, stop: u64) {
        let seeks = std::mem::take(&mut self.seeks);
        for (id, place) in seeks {
            let Some(at) = start.checked_add(place).filter(|at| *at < stop) else { continue };
            if self.bodies.iter().any(|(seen, _)| *seen == id) {
                continue;
            }
            let Ok(header) = Header::read(input, at, stop) else { continue };
            let end = header.size.and_then(|size| at.checked_add(header.bytes as u64)?.checked_add(size));
            if let Some(end) = end.filter(|end| header.id == id && *end <= stop) {
                self.take(input, (at, end), header);
            }
        }
    }

    fn of(&self, id: u32) -> impl Iterator<Item = &[u8]> {
        self.bodies.iter().filter(move |(found, _)| *found == id).map(|(_, body)| &body[..])
    }

    /// The chapters of the first edition, without those inside others.
    pub(super) fn chapters(&self) -> Vec<Chapter> {
        let edition = self.of(ebml::CHAPTERS).find_map(|body| child(body, ebml::EDITION_ENTRY));
        let atoms = edition.into_iter().flat_map(children).filter(|(id, _)| *id == ebml::CHAPTER_ATOM);
        let chapters = atoms.filter_map(|(_, atom)| {
            let time = |id| i64::try_from(child(atom, id).and_then(unsigned)?).ok();
            let hidden = child(atom, ebml::CHAPTER_HIDDEN).and_then(unsigned) == Some(1);
            let display = child(atom, ebml::CHAPTER_DISPLAY);
            let title = display.and_then(|d| child(d, ebml::CHAPTER_STRING)).and_then(text);
            (!hidden).then_some(())?;
            Some(Chapter {
                start_ns: time(ebml::CHAPTER_START)?,
                end_ns: time(ebml::CHAPTER_END),
                title: title.unwrap_or_default(),
            })
        });
        chapters.take(MAX_CHAPTERS).collect()
    }

    /// The tags that hold for the whole file.
    pub(super) fn tags(&self) -> Tags {
        let mut tags = Tags::default();
        let all = self.of(ebml::TAGS).flat_map(children).filter(|(id, _)| *id == ebml::TAG);
        for (_, tag) in all.take(MAX_TAGS) {
            let targets = child(tag, ebml::TARGETS).unwrap_or_default();
            // A UID of 0 stands for everything (RFC 9559 §5.1.8.1.1.3).
            let of_a_part = children(targets)
                .any(|(id, uid)| ebml::TARGET_UIDS.contains(&id) && unsigned(uid) != Some(0));
            for (_, simple) in children(tag).filter(|(id, _)| *id == ebml::SIMPLE_TAG) {
                let part = |id| child(simple, id).and_then(text);
                let Some((name, value)) = part(ebml::TAG_NAME).zip(part(ebml::TAG_STRING)) else { continue };
                if name.eq_ignore_ascii_case("SPHERICAL-VIDEO") {
                    tags.spherical.get_or_insert(value);
                } else if !of_a_part && tags.named.len() < MAX_TAGS {
                    tags.named.push((name, value));
                }
            }
        }
        tags
    }
}

/// A text; padding of noughts ends it.
pub(super) fn text(body: &[u8]) -> Option<String> {
    if body.len() > MAX_TEXT_BYTES {
        return None;
    }
    let end = body.iter().position(|b| *b == 0).unwrap_or(body.len());
    Some(String::from_utf8_lossy(&body[..end]).into_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element of less than 127 bytes.
    fn el(id: u32, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
        [&id[..], &[0x80 | body.len() as u8], &body].concat()
    }

    fn bodies() -> [(u32, Vec<u8>); 2] {
        let atom = |start: u8, title: &str, more: &[u8]| {
            let display = el(ebml::CHAPTER_DISPLAY, &[&el(ebml::CHAPTER_STRING, &[title.as_bytes()])]);
            el(ebml::CHAPTER_ATOM, &[&el(ebml::CHAPTER_START, &[&[start]]), &display, more])
        };
        let hidden = el(ebml::CHAPTER_HIDDEN, &[&[1]]);
        let end = el(ebml::CHAPTER_END, &[&[9]]);
        let edition = [atom(0, "One", &end), atom(5, "Hidden", &hidden), atom(9, "Two\0\0", &[])].concat();
        let tag = |targets: &[u8], name: &str, value: &str| {
            let simple = [el(ebml::TAG_NAME, &[name.as_bytes()]), el(ebml::TAG_STRING, &[value.as_bytes()])];
            el(ebml::TAG, &[&el(ebml::TARGETS, &[targets]), &el(ebml::SIMPLE_TAG, &[&simple.concat()])])
        };
        let of_track = el(0x63C5, &[&[7]]);
        let of_all = el(0x63C5, &[&[0]]);
        let tags = [
            tag(&[], "ARTIST", "Somebody"),
            tag(&of_track, "BPS", "9"),
            tag(&of_all, "COMMENT", "c"),
            tag(&of_track, "SPHERICAL-VIDEO", "<xml>"),
        ];
        [(ebml::CHAPTERS, el(ebml::EDITION_ENTRY, &[&edition])), (ebml::TAGS, tags.concat())]
    }

    #[test]
    fn what_is_shown_and_holds_for_all_is_taken() {
        let extras = Extras { bodies: bodies().to_vec(), seeks: Vec::new() };
        let chapters: Vec<_> =
            extras.chapters().into_iter().map(|c| (c.start_ns, c.end_ns, c.title)).collect();
        assert_eq!(chapters, [(0, Some(9), "One".to_owned()), (9, None, "Two".to_owned())]);
        let tags = extras.tags();
        let named: Vec<_> = tags.named.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(named, [("ARTIST", "Somebody"), ("COMMENT", "c")]);
        assert_eq!(tags.spherical.as_deref(), Some("<xml>"));
    }

    #[test]
    fn damage_is_passed_over() {
        for (id, body) in bodies() {
            for at in 0..body.len() {
                for value in [0, 1, 0x40, 0x7f, 0xff] {
                    let mut damaged = body.clone();
                    damaged[at] = value;
                    for bodies in [vec![(id, damaged)], vec![(id, body[..at].to_vec())]] {
                        let extras = Extras { bodies, seeks: Vec::new() };
                        let _ = (extras.chapters(), extras.tags());
                    }
                }
            }
        }
    }
}
