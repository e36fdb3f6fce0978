//! Rules of the house that a compiler does not check: who imports whom, how long a file is, what it is called.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest source file. One noun seldom needs half of it.
const MAX_LINES: usize = 800;

/// Names that say nothing about what is inside.
const BANNED_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "misc", "manager"];

/// Which rooms a room may import. What is not listed here is no room.
const ROOMS: [(&str, &[&str]); 14] = [
    ("sdp", &[]),
    ("ice", &[]),
    ("rtp", &[]),
    ("signaling", &[]),
    ("measure", &[]),
    ("sim", &["rtp"]),
    ("trace", &["rtp"]),
    ("audio", &["rtp"]),
    ("call", &["sdp", "ice", "rtp", "signaling"]),
    ("relay", &["ice"]),
    ("net", &["ice", "signaling", "relay"]),
    ("peer", &["sdp", "ice", "rtp", "signaling", "measure", "sim", "trace", "audio", "call", "relay", "net"]),
    ("switchboard", &["signaling", "net", "relay", "ice"]),
    ("bin", &["peer", "switchboard"]),
];

/// Rooms that the tests inside any room may use: they make conditions and judge results.
const TEST_ROOMS: [&str; 2] = ["sim", "measure"];

/// Crates that live in certain rooms only, so that no other room takes on their types.
const KEPT_CRATES: [(&str, &[&str]); 3] =
    [("str0m", &["call"]), ("cpal", &["audio"]), ("tokio", &["net", "peer", "switchboard", "bin"])];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of ours below `folder`, without what is built or fetched.
fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let built = ["target", ".git", "node_modules", "corpus", "artifacts", "coverage"].contains(&&*name);
        if path.is_dir() {
            // The demo's recordings stand in `demo/` at the root; `src/peer/demo/` is source.
            if !built && path != root().join("demo") {
                files_below(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

fn files(suffixes: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_below(root(), &mut found);
    found.retain(|path| suffixes.iter().any(|suffix| path.to_string_lossy().ends_with(suffix)));
    found.sort();
    assert!(!found.is_empty(), "no file ends with {suffixes:?}: is this the right folder?");
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", shown(path)))
}

/// The code of a file: no comments, no doc comments, text in quotes kept.
fn code(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let end = line.match_indices("//").find(|(at, _)| line[..*at].matches('"').count() % 2 == 0);
        _ = writeln!(code, "{}", end.map_or(line, |(at, _)| &line[..at]));
    }
    code
}

/// First names after each `start::` in the code, also of `start::{a, b::c}`.
fn names_after(code: &str, start: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for (at, _) in code.match_indices(start) {
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || "_$".contains(before)) {
            continue;
        }
        let rest = &code[at + start.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.push(word(rest));
            continue;
        };
        let (mut depth, mut piece) = (0, String::new());
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => names.push(word(std::mem::take(&mut piece).trim())),
                _ if depth == 0 => piece.push(c),
                _ => {}
            }
        }
        names.push(word(piece.trim()));
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The room that a source file belongs to; none for `lib.rs`.
fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root().join("src")).ok()?;
    let mut parts = inside.components();
    let first = parts.next()?.as_os_str().to_string_lossy().into_owned();
    parts.next().is_some().then_some(first)
}

/// Splits a file into what is built always and what is built for tests.
fn split_tests(path: &Path, code: &str) -> (String, String) {
    let name = path.to_string_lossy();
    if name.ends_with("/tests.rs") || name.contains("/tests/") || name.ends_with("_tests.rs") {
        return (String::new(), code.to_owned());
    }
    match code.find("#[cfg(test)]\nmod tests {") {
        Some(at) => (code[..at].to_owned(), code[at..].to_owned()),
        None => (code.to_owned(), String::new()),
    }
}

#[track_caller]
fn assert_none(complaints: Vec<String>, rule: &str) {
    assert!(complaints.is_empty(), "{rule}\n  {}", complaints.join("\n  "));
}

#[test]
fn rooms_import_only_what_lies_below_them() {
    let mut complaints = Vec::new();
    for path in files(&[".rs"]) {
        let Some(room) = room(&path) else { continue };
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            complaints.push(format!("{}: src/{room} is no known room", shown(&path)));
            continue;
        };
        let (always, tests) = split_tests(&path, &code(&read(&path)));
        let own = if room == "bin" { "handset::" } else { "crate::" };
        let is_room = |name: &String| ROOMS.iter().any(|(other, _)| other == name) && *name != room;
        for name in names_after(&always, own).into_iter().filter(is_room) {
            if !allowed.contains(&name.as_str()) {
                complaints.push(format!("{} imports {name}", shown(&path)));
            }
        }
        for name in names_after(&tests, own).into_iter().filter(is_room) {
            if !allowed.contains(&name.as_str()) && !TEST_ROOMS.contains(&name.as_str()) {
                complaints.push(format!("{} imports {name} in its tests", shown(&path)));
            }
        }
    }
    assert_none(complaints, "The direction of imports is in ARCHITECTURE.md:");
}

#[test]
fn foreign_types_stay_in_the_rooms_that_own_them() {
    let mut complaints = Vec::new();
    for path in files(&[".rs"]) {
        let Some(room) = room(&path) else { continue };
        let (always, _) = split_tests(&path, &code(&read(&path)));
        for (name, rooms) in KEPT_CRATES {
            if !rooms.contains(&room.as_str()) && !names_after(&always, &format!("{name}::")).is_empty() {
                complaints.push(format!("{} uses {name}, which belongs to {rooms:?}", shown(&path)));
            }
        }
    }
    assert_none(complaints, "A crate that is kept to its room can be replaced:");
}

#[test]
fn no_source_file_is_longer_than_a_reader_can_hold() {
    let long = files(&[".rs"]).into_iter().filter_map(|path| {
        let lines = read(&path).lines().count();
        (lines > MAX_LINES).then(|| format!("{}: {lines} lines", shown(&path)))
    });
    assert_none(long.collect(), "At most 800 lines, and one noun:");
}

#[test]
fn every_file_is_named_after_what_is_in_it() {
    let vague = files(&[".rs", ".py", ".sh", ".js"]).into_iter().filter(|path| {
        path.strip_prefix(root()).is_ok_and(|inside| {
            inside.iter().any(|part| {
                let part = part.to_string_lossy();
                BANNED_NAMES.contains(&part.split('.').next().unwrap_or(""))
            })
        })
    });
    assert_none(vague.map(|path| shown(&path)).collect(), "A name that would fit any file is no name:");
}

#[test]
fn every_mod_rs_only_documents_declares_and_re_exports_or_names_a_constant_of_the_room() {
    let mut complaints = Vec::new();
    for path in files(&["/mod.rs"]).into_iter().filter(|path| room(path).is_some() && !is_of_tests(path)) {
        let text = read(&path);
        if !text.starts_with("//!") {
            complaints.push(format!("{}: does not start with what the module is for", shown(&path)));
        }
        let odd = statements(&without_attributes(&code(&text))).into_iter().find(|statement| {
            let mut words = statement.split_whitespace().filter(|word| !word.starts_with("pub"));
            !matches!(words.next(), Some("mod" | "use" | "const" | "type"))
        });
        if let Some(odd) = odd {
            complaints.push(format!("{}: {}", shown(&path), odd.chars().take(60).collect::<String>()));
        }
    }
    assert_none(complaints, "What does something belongs in a file with a name:");
}

/// A folder of unit tests: its `mod.rs` holds what they share.
fn is_of_tests(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("tests"))
}

/// The code without `#[..]` and `#![..]`.
fn without_attributes(code: &str) -> String {
    let mut left = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[").into_iter().chain(rest.find("#![")).min() {
        left.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut depth = 0;
        let end = rest.char_indices().find(|(_, c)| {
            depth += i32::from(*c == '[') - i32::from(*c == ']');
            depth == 0 && *c == ']'
        });
        rest = end.map_or("", |(at, _)| &rest[at + 1..]);
    }
    left + rest
}

/// The code in pieces that end with a semicolon outside of all brackets.
fn statements(code: &str) -> Vec<String> {
    let mut depth = 0;
    let pieces = code.split(|c: char| {
        depth += i32::from("[({".contains(c)) - i32::from("])}".contains(c));
        c == ';' && depth == 0
    });
    pieces.map(|piece| piece.trim().to_owned()).filter(|piece| !piece.is_empty()).collect()
}

#[test]
fn nothing_names_the_machine_that_it_was_written_on() {
    let mut complaints = Vec::new();
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = std::env::var("HOME").unwrap_or_default();
    // Where this checkout stands, and where people live.
    let places: Vec<String> = [checkout, Path::new(&home), Path::new("/home")]
        .into_iter()
        .filter(|place| place.components().count() > 1)
        .map(|place| format!("{}/", place.display()))
        .collect();
    let kinds =
        [".rs", ".md", ".toml", ".sh", ".py", ".html", ".js", ".css", ".svg", "Makefile", ".ci/run", ".json"];
    for path in files(&kinds) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            let named = places.iter().any(|folder| {
                line.match_indices(folder.as_str()).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-*\"".contains(c))
                })
            });
            if named && !path.ends_with(file!()) {
                complaints.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    assert_none(complaints, "A path of one machine is of no use on another:");
}

#[test]
fn nothing_is_left_to_be_done_later() {
    let mut complaints = Vec::new();
    for path in files(&[".rs"]).into_iter().filter(|path| !path.ends_with(file!())) {
        for (number, line) in read(&path).lines().enumerate() {
            let words = ["todo!(", "unimplemented!(", "FIXME", "TODO", "#[ignore"];
            // Such a test needs a process of its own; the test that starts it counts.
            let is_run_by_another = line.contains("#[ignore = \"run by the test of the same name\"]");
            if words.iter().any(|word| line.contains(word)) && !is_run_by_another {
                complaints.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    assert_none(complaints, "Stubs and ignored tests:");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut complaints = Vec::new();
    for path in files(&[".md"]) {
        let text = read(&path);
        let links = text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name("").join(file) };
            if !target.exists() {
                complaints.push(format!("{}: {link} is not there", shown(&path)));
            } else if !anchor.is_empty() && !headings(&read(&target)).contains(&anchor.to_owned()) {
                complaints.push(format!("{}: {link} has no such heading", shown(&path)));
            }
        }
    }
    assert_none(complaints, "Links that lead nowhere:");
}

/// Headings as the anchors that Markdown viewers make of them.
fn headings(markdown: &str) -> Vec<String> {
    let anchor = |line: &str| {
        line.trim_start_matches('#')
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    markdown.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

#[test]
fn the_rules_see_what_they_are_meant_to_see() {
    let source =
        "use crate::rtp::Seq; // crate::peer\nuse crate::{ice::stun, sdp};\nlet a = \"//\"; crate::net::x();";
    assert_eq!(names_after(&code(source), "crate::"), ["rtp", "ice", "sdp", "net"]);
    assert_eq!(names_after("mystr0m::x str0m::Rtc", "str0m::"), ["Rtc"]);
    assert_eq!(headings("# The rooms, and more\ntext\n## `peer` call"), ["the-rooms-and-more", "peer-call"]);
    let code = "#![expect(\n    x[1],\n)]\nmod a;\nconst N: [u8; 2] = [1; 2];\nfn b() { c(); }";
    assert_eq!(
        statements(&without_attributes(code)),
        ["mod a", "const N: [u8; 2] = [1; 2]", "fn b() { c(); }"]
    );
    let (always, tests) = split_tests(Path::new("src/a/b.rs"), "fn a() {}\n#[cfg(test)]\nmod tests {\n}");
    assert!(always.contains("fn a") && tests.contains("mod tests"));
}
