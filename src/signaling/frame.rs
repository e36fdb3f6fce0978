//! One text frame: a message and, within a session, its number.
//!
//! Both sides number what they send in a session, from 1 up, in a field `seq`. Whoever resumes says
//! which number it received last, and the other side sends what came after once more: nothing is
//! lost and nothing is done twice when a connection breaks. Presence isn't numbered, because
//! `registered` brings the whole of it. A client that numbers nothing works too; what was on its
//! way when its connection broke is lost then.

use serde::Serialize;
use serde_json::{Map, Value};

use super::message::Message;

/// Longest piece of a refused message that an error repeats, in characters: enough to recognise a
/// typing mistake, too little to be a channel.
const MAX_QUOTED_CHARS: usize = 40;

/// Longest explanation in an error, in characters.
const MAX_DETAIL_CHARS: usize = 240;

/// A message with its number in the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<M> {
    /// The message.
    pub message: M,
    /// Its number in the session, from 1.
    pub seq: Option<u64>,
}

/// Why a text is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The text is longer than allowed.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
        /// Bytes there.
        found: usize,
    },
    /// The text isn't JSON.
    #[error("expected a JSON object, found text that is no JSON: {detail}")]
    NotJson {
        /// What the JSON parser says.
        detail: String,
    },
    /// The text is JSON, but no object.
    #[error("expected a JSON object, found {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// The object has no `type`, or one that is no string.
    #[error("expected a string in `type`, found {found}")]
    NoType {
        /// What is there.
        found: &'static str,
    },
    /// There is no message of this type.
    #[error("expected `type` to be one of {}, found {found:?}", known.join(", "))]
    UnknownType {
        /// The types there are.
        known: &'static [&'static str],
        /// The type that was given, shortened.
        found: String,
    },
    /// A field is missing or holds something else than it should.
    #[error("in `{kind}`: {detail}")]
    BadField {
        /// The message's type.
        kind: &'static str,
        /// What was expected and what was found.
        detail: String,
    },
}

impl<M: Message> Frame<M> {
    /// Reads one text frame of at most `limit` bytes.
    ///
    /// Fields that the message doesn't know are passed over, so that later versions can add some.
    pub fn parse(text: &str, limit: usize) -> Result<Self, FrameError> {
        if text.len() > limit {
            return Err(FrameError::TooLarge { limit, found: text.len() });
        }
        let mut fields = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => fields,
            Ok(other) => return Err(FrameError::NotAnObject { found: name_of(Some(&other)) }),
            Err(error) => {
                return Err(FrameError::NotJson { detail: shortened(error.to_string(), MAX_DETAIL_CHARS) });
            }
        };
        let kind = known_type::<M>(&fields)?;
        let bad = |detail: String| FrameError::BadField { kind, detail: shortened(detail, MAX_DETAIL_CHARS) };
        let seq = match fields.remove("seq") {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64() {
                Some(seq) if seq > 0 => Some(seq),
                _ => return Err(bad("seq: expected a whole number from 1 up".to_owned())),
            },
        };
        let message =
            serde_json::from_value(Value::Object(fields)).map_err(|error| bad(error.to_string()))?;
        Ok(Self { message, seq })
    }

    /// Writes the frame.
    pub fn to_text(&self) -> String {
        #[derive(Serialize)]
        struct Envelope<'a, M> {
            #[serde(flatten)]
            message: &'a M,
            #[serde(skip_serializing_if = "Option::is_none")]
            seq: Option<u64>,
        }
        serde_json::to_string(&Envelope { message: &self.message, seq: self.seq })
            .expect("messages hold strings, numbers and lists, which JSON can all express")
    }
}

/// The `type` of the message, as one of those that the direction knows.
fn known_type<M: Message>(fields: &Map<String, Value>) -> Result<&'static str, FrameError> {
    let Some(Value::String(found)) = fields.get("type") else {
        return Err(FrameError::NoType { found: name_of(fields.get("type")) });
    };
    M::TYPES.iter().find(|known| *known == found).copied().ok_or_else(|| FrameError::UnknownType {
        known: M::TYPES,
        found: shortened(found.clone(), MAX_QUOTED_CHARS),
    })
}

/// What kind of JSON value this is.
fn name_of(value: Option<&Value>) -> &'static str {
    match value {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    }
}

/// At most `limit` characters of `text`.
fn shortened(text: String, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{ClientMessage, ServerMessage};
    use super::*;

    fn parse(text: &str) -> Result<Frame<ClientMessage>, FrameError> {
        Frame::parse(text, 1000)
    }

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_message_round_trips_with_its_number() {
        let text = r#"{"type":"call","call":"c1","to":"bob","sdp":"v=0\r\n","seq":7}"#;
        let frame = parse(text).unwrap();
        assert_eq!(frame.seq, Some(7));
        assert!(matches!(&frame.message, ClientMessage::Call { to, .. } if to.as_str() == "bob"));
        assert_eq!(frame.to_text(), text);
    }

    #[test]
    fn fields_of_later_versions_are_passed_over() {
        let frame = parse(r#"{"type":"ringing","call":"c1","volume":11}"#).unwrap();
        assert_eq!(frame.message, ClientMessage::Ringing { call: "c1".parse().unwrap() });
        assert_eq!(parse(r#"{"type":"unregister","x":[]}"#).unwrap().message, ClientMessage::Unregister);
    }

    #[test]
    fn every_refusal_says_what_was_expected_and_what_was_found() {
        assert_eq!(refusal("[1]"), "expected a JSON object, found a list");
        assert_eq!(refusal("{}"), "expected a string in `type`, found nothing");
        assert_eq!(refusal(r#"{"type":3}"#), "expected a string in `type`, found a number");
        assert_eq!(
            refusal(r#"{"type":"ring"}"#),
            "expected `type` to be one of register, call, ringing, accept, decline, candidate, update, \
             updated, hangup, unregister, found \"ring\""
        );
        assert_eq!(refusal(r#"{"type":"ringing"}"#), "in `ringing`: missing field `call`");
        assert_eq!(
            refusal(r#"{"type":"ringing","call":"a b"}"#),
            "in `ringing`: call id: expected only A-Z a-z 0-9 _ -, found ' '"
        );
        assert_eq!(
            refusal(r#"{"type":"ringing","call":"a","seq":0}"#),
            "in `ringing`: seq: expected a whole number from 1 up"
        );
        assert_eq!(
            refusal(r#"{"type":"hangup","call":"a","reason":"bored"}"#),
            "in `hangup`: unknown variant `bored`, expected one of `normal`, `error`, `timeout`, `lost`"
        );
        assert!(refusal("{").starts_with("expected a JSON object, found text that is no JSON: EOF"));
        assert_eq!(refusal(&" ".repeat(1001)), "expected at most 1000 bytes, found 1001");
    }

    #[test]
    fn a_refusal_repeats_little_of_what_was_sent() {
        let long = "x".repeat(900);
        assert!(refusal(&format!(r#"{{"type":"{long}"}}"#)).len() < 300);
        assert!(refusal(&format!(r#"{{"type":"hangup","call":"a","reason":"{long}"}}"#)).len() < 300);
    }

    #[test]
    fn deep_nesting_is_refused_without_running_out_of_stack() {
        assert!(refusal(&"[".repeat(1000)).contains("recursion limit"));
    }

    #[test]
    fn the_lists_of_types_are_those_that_serde_knows() {
        for (types, probe) in [
            (ClientMessage::TYPES, serde_json::from_str::<ClientMessage>(r#"{"type":"?"}"#).unwrap_err()),
            (ServerMessage::TYPES, serde_json::from_str::<ServerMessage>(r#"{"type":"?"}"#).unwrap_err()),
        ] {
            let listed: Vec<String> = types.iter().map(|name| format!("`{name}`")).collect();
            assert!(probe.to_string().contains(&listed.join(", ")), "{probe}");
        }
    }
}
