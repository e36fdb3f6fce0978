//! Text to [`Description`]: one pass over the lines.

use super::attribute::Attribute;
use super::description::{Description, Line, Media, syntax};
use super::error::Error;
use super::media_line::MediaLine;
use super::session::{Bandwidth, Connection, Origin, Timing};
use super::words::trim;

/// Least bytes of a useful line with its end (`a=x` and a line feed); bounds what is set aside for
/// lines by the text's length, so that a text of line feeds cannot ask for more.
const LINE_MIN_BYTES: usize = 4;

/// Hands out the lines of a text with their offsets, skipping empty ones.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    /// Carriage returns taken off line ends: any other in the text is an error.
    returns: usize,
}

/// One line: its letter, the value after `=`, and where the value starts.
struct RawLine<'a> {
    letter: u8,
    value: &'a str,
    value_at: usize,
}

impl<'a> Lines<'a> {
    #[inline]
    fn next(&mut self) -> Result<Option<RawLine<'a>>, Error> {
        let bytes = self.text.as_bytes();
        loop {
            let start = self.at;
            if start >= bytes.len() {
                return Ok(None);
            }
            let mut end = match memchr::memchr(b'\n', &bytes[start..]) {
                Some(i) => {
                    self.at = start + i + 1;
                    start + i
                }
                None => {
                    self.at = bytes.len();
                    bytes.len()
                }
            };
            while end > start && bytes[end - 1] == b'\r' {
                end -= 1;
                self.returns += 1;
            }
            match &bytes[start..end] {
                [letter, b'=', ..] => {
                    let value = &self.text[start + 2..end];
                    return Ok(Some(RawLine { letter: *letter, value, value_at: start + 2 }));
                }
                line if line.iter().all(|b| *b == b' ' || *b == b'\t') => {}
                _ => {
                    let line = &self.text[start..end];
                    return Err(syntax(self.text, line, start, "a line of the form letter=value"));
                }
            }
        }
    }

    /// The error for a value that its line's grammar refuses; `part` is a piece of the value.
    fn refuse(&self, line: &RawLine<'a>, (expected, part): (&'static str, &str)) -> Error {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let inside = offset >= line.value_at && offset <= line.value_at + line.value.len();
        // A missing field has no place of its own: point behind the value.
        let offset = if inside && !part.is_empty() { offset } else { line.value_at + line.value.len() };
        syntax(self.text, part, offset, expected)
    }

    /// NUL and lone carriage returns are bytes that RFC 8866 section 9 forbids in every value; parsers
    /// that disagree about them disagree about where lines end.
    fn check_controls(&self) -> Result<(), Error> {
        let bytes = self.text.as_bytes();
        if let Some(at) = memchr::memchr(0, bytes) {
            return Err(syntax(self.text, &self.text[at..at + 1], at, "text without NUL"));
        }
        if memchr::memchr_iter(b'\r', bytes).count() == self.returns {
            return Ok(());
        }
        let lone = memchr::memchr_iter(b'\r', bytes)
            .find(|at| !matches!(bytes[at + 1..].iter().find(|b| **b != b'\r'), None | Some(b'\n')));
        let at = lone.unwrap_or(bytes.len());
        Err(syntax(self.text, self.text.get(at..at + 1).unwrap_or(""), at, "a line feed after the return"))
    }
}

impl<'a> Description<'a> {
    /// Reads a description.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let mut lines = Lines { text, at: 0, returns: 0 };
        Self::parse_version(&mut lines)?;
        let origin = Self::parse_origin(&mut lines)?;

        let feeds = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let capacity = (feeds + 1).min(text.len() / LINE_MIN_BYTES + 1);
        let mut description = Description {
            text,
            origin,
            name: None,
            lines: Vec::with_capacity(capacity),
            session_end: 0,
            media: Vec::new(),
        };
        while let Some(line) = lines.next()? {
            description.take(&lines, line)?;
        }
        description.close_section();
        lines.check_controls()?;
        Ok(description)
    }

    fn parse_version(lines: &mut Lines<'a>) -> Result<(), Error> {
        match lines.next()? {
            Some(line) if line.letter == b'v' => match trim(line.value) {
                "0" => Ok(()),
                other => Err(lines.refuse(&line, ("version 0", other))),
            },
            Some(line) => Err(syntax(lines.text, line.value, line.value_at - 2, "v=0 as the first line")),
            None => Err(syntax(lines.text, "", 0, "v=0 as the first line")),
        }
    }

    fn parse_origin(lines: &mut Lines<'a>) -> Result<Origin<'a>, Error> {
        match lines.next()? {
            Some(line) if line.letter == b'o' => {
                Origin::parse(line.value).map_err(|e| lines.refuse(&line, e))
            }
            Some(line) => Err(syntax(lines.text, line.value, line.value_at - 2, "o= as the second line")),
            None => Err(syntax(lines.text, "", lines.text.len(), "o= as the second line")),
        }
    }

    #[inline]
    fn take(&mut self, lines: &Lines<'a>, line: RawLine<'a>) -> Result<(), Error> {
        let value = line.value;
        let typed = match line.letter {
            b'a' => Line::Attribute(Attribute::parse(value)),
            b'm' => {
                self.close_section();
                let head = MediaLine::parse(value).map_err(|e| lines.refuse(&line, e))?;
                self.media.push(Media { head, end: 0 });
                return Ok(());
            }
            b'c' => Line::Connection(Connection::parse(value).map_err(|e| lines.refuse(&line, e))?),
            b'b' => Line::Bandwidth(Bandwidth::parse(value).map_err(|e| lines.refuse(&line, e))?),
            b't' => Line::Timing(Timing::parse(value).map_err(|e| lines.refuse(&line, e))?),
            b's' if self.name.is_none() && self.media.is_empty() => {
                self.name = Some(trim(value));
                return Ok(());
            }
            b's' => {
                return Err(syntax(
                    lines.text,
                    value,
                    line.value_at - 2,
                    "one s= line, in the session's part",
                ));
            }
            b'i' => Line::Information(value),
            b'u' => Line::Uri(value),
            b'e' => Line::Email(value),
            b'p' => Line::Phone(value),
            b'r' => Line::Repeat(value),
            b'z' => Line::Zones(value),
            b'k' => Line::Key(value),
            _ => {
                let at = line.value_at - 2;
                let found = &lines.text[at..at + 1];
                return Err(syntax(lines.text, found, at, "a line type that RFC 8866 names"));
            }
        };
        self.lines.push(typed);
        Ok(())
    }

    /// Notes where the section, or the session part, ends that was being filled.
    fn close_section(&mut self) {
        let end = self.lines.len();
        match self.media.last_mut() {
            Some(media) => media.end = end,
            None => self.session_end = end,
        }
    }
}
