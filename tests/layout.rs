//! The architecture, as a test: which module may import which, how long a file may be, and what
//! must not appear in the sources.
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules in the order in which they may import: each only from those before it.
const ORDER: &[&str] = &[
    "units",
    "tensor",
    "frame",
    "layout",
    "packet",
    "telemetry",
    "media",
    "gpu",
    "kernels",
    "webm",
    "vp9",
    "render",
    "rvm",
    "engine",
    "software",
    "sound",
    "lane",
    "pipeline",
    "cli",
];
/// May be used by any test.
const ANYWHERE: &[&str] = &["testing"];
const MAX_LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extensions, found);
        } else if path.extension().is_some_and(|e| extensions.iter().any(|x| *x == e)) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches", "build", "kernels"] {
        files(&root().join(folder), &["rs", "cu", "cuh", "c", "h", "py", "sh"], &mut found);
    }
    assert!(found.len() > 20, "only {} source files found", found.len());
    found
}

/// The modules that a source text names through `crate::`.
fn imports(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found: Vec<String> = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            // `use crate::{a::b, c};`: first word after `{` and after each comma at depth one.
            let (mut depth, mut start) = (1, true);
            let mut word = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => start = true,
                    c if start && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ => {
                        if !word.is_empty() {
                            found.push(std::mem::take(&mut word));
                            start = false;
                        }
                    }
                }
                if depth == 0 {
                    break;
                }
            }
            found.extend((!word.is_empty()).then_some(word));
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

#[test]
fn modules_import_only_from_those_above_them() {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    files(&root().join("src"), &["rs"], &mut all);
    for path in all {
        let inside = path.strip_prefix(root().join("src")).unwrap();
        let own = inside.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if own == "lib" || own == "main" || ANYWHERE.contains(&own.as_str()) {
            continue;
        }
        let rank = ORDER.iter().position(|m| *m == own);
        let rank = rank.unwrap_or_else(|| panic!("{}: module {own} is not on the map", inside.display()));
        for module in imports(&fs::read_to_string(&path).unwrap()) {
            if ANYWHERE.contains(&module.as_str()) {
                continue;
            }
            match ORDER.iter().position(|m| *m == module) {
                Some(other) if other <= rank => {}
                Some(_) => {
                    wrong.push(format!("{}: {own} imports {module}, which lies below it", inside.display()))
                }
                // An item of the crate root, such as an exported macro.
                None => wrong.push(format!("{}: imports crate::{module}, not on the map", inside.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_import_check_sees_what_it_should() {
    let text =
        "use crate::frame::Size;\n// crate::cli in a comment\nuse crate::{vp9::{Pair, Quality}, media};\n";
    assert_eq!(imports(text), ["frame", "vp9", "media"]);
}

#[test]
fn files_are_short_and_begin_with_what_they_are_for() {
    let mut wrong = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{}: {lines} lines, at most {MAX_LINES}", path.display()));
        }
        if path.extension().is_some_and(|e| e == "rs") && !text.starts_with("//!") {
            wrong.push(format!("{}: does not begin with a //! comment", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_unfinished_marks_and_no_dumping_grounds() {
    let marks = ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX"];
    let dumps = ["utils", "common", "helpers", "misc", "manager"];
    let mut wrong = Vec::new();
    for path in sources() {
        if path.ends_with("tests/layout.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        wrong.extend(marks.iter().filter(|m| text.contains(**m)).map(|m| format!("{}: {m}", path.display())));
        let stem = path.file_stem().unwrap().to_string_lossy();
        wrong.extend(dumps.contains(&&*stem).then(|| format!("{}: says nothing of its job", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
