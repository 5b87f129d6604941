//! Frames that clients send to the room. A text that is not one of these frames
//! is rejected.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::object;
use super::presence::parse_enter;
use super::{NewEvent, NewSignal, Ref, Seq};
use crate::code::Refusal;

#[derive(Debug)]
pub enum ClientFrame<'a> {
    Auth {
        token: Cow<'a, str>,
    },
    Publish(NewEvent<'a>),
    Signal(NewSignal<'a>),
    Seen(Seq),
    /// The presence data, byte for byte as the client wrote it.
    Enter(&'a RawValue),
    Leave,
    Members,
    Ping,
}

/// The result of decoding a text. The `ref` is separate from `frame`, because
/// the error for a rejected frame must repeat the `ref`.
#[derive(Debug)]
pub struct Decoded<'a> {
    pub reference: Option<Ref>,
    pub frame: Result<ClientFrame<'a>, Refusal>,
}

impl<'a> ClientFrame<'a> {
    /// Decodes a text. In the result, `frame` is the error `bad_request` for
    /// invalid JSON, an unknown `type` or an invalid field. If `data` exceeds
    /// its limit, `frame` is the error `too_large`.
    pub fn decode(text: &'a str) -> Decoded<'a> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow, rename = "type")]
            kind: Cow<'a, str>,
            #[serde(borrow, rename = "ref")]
            reference: Option<&'a RawValue>,
        }
        let head: Head = match object(text) {
            Ok(head) => head,
            Err(refusal) => return Decoded { reference: None, frame: Err(refusal) },
        };
        let reference = head.reference.map(|json| serde_json::from_str::<Ref>(json.get()));
        match reference.transpose() {
            Ok(reference) => Decoded { reference, frame: Self::of_kind(&head.kind, text) },
            Err(wrong) => {
                Decoded { reference: None, frame: Err(Refusal::bad_request(wrong.to_string())) }
            }
        }
    }

    /// Returns the `type` of the frame.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Auth { .. } => "auth",
            Self::Publish(_) => "publish",
            Self::Signal(_) => "signal",
            Self::Seen(_) => "seen",
            Self::Enter(_) => "enter",
            Self::Leave => "leave",
            Self::Members => "members",
            Self::Ping => "ping",
        }
    }

    fn of_kind(kind: &str, text: &'a str) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Auth<'a> {
            #[serde(borrow)]
            token: Cow<'a, str>,
        }
        #[derive(Deserialize)]
        struct Seen {
            seq: Seq,
        }
        match kind {
            "auth" => object(text).map(|Auth { token }| Self::Auth { token }),
            "publish" => NewEvent::parse(text).map(Self::Publish),
            "signal" => NewSignal::parse(text).map(Self::Signal),
            "seen" => object(text).map(|Seen { seq }| Self::Seen(seq)),
            "enter" => parse_enter(text).map(Self::Enter),
            "leave" => Ok(Self::Leave),
            "members" => Ok(Self::Members),
            "ping" => Ok(Self::Ping),
            _ => Err(Refusal::bad_request(
                "`type` must be one of auth, publish, signal, seen, enter, leave, members, ping",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        ClientFrame::decode(text).frame.expect_err(text).message
    }

    #[test]
    fn invalid_frame_is_refused_with_the_cause() {
        for (text, named) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            (r#"["ping"]"#, "not a JSON object"),
            ("{}", "missing field `type`"),
            (r#"{"type":1}"#, "expected"),
            (r#"{"type":"pong"}"#, "`type` must be one of"),
            (r#"{"type":"ping"}x"#, "trailing characters"),
            (r#"{"type":"auth"}"#, "missing field `token`"),
            (r#"{"type":"publish","data":1}"#, "missing field `name`"),
            (r#"{"type":"publish","name":"a"}"#, "missing field `data`"),
            (
                r#"{"type":"publish","name":"","data":1}"#,
                "`name` must be a string of 1 to 200 characters",
            ),
            (
                r#"{"type":"publish","name":7,"data":1}"#,
                "`name` must be a string of 1 to 200 characters",
            ),
            (r#"{"type":"publish","name":"\ud800","data":1}"#, "hex escape"),
            (
                r#"{"type":"publish","name":"a","data":1,"id":""}"#,
                "`id` must be a string of 1 to 128 characters",
            ),
            (
                r#"{"type":"publish","name":"a","data":1,"key":[]}"#,
                "`key` must be a string of 1 to 256 characters",
            ),
            (
                r#"{"type":"publish","name":"a","data":1,"ref":7}"#,
                "`ref` must be a string of 1 to 128 characters",
            ),
            (r#"{"type":"publish","name":"a","data":1,"data":2}"#, "duplicate field `data`"),
            (r#"{"type":"publish","name":"a","data":01}"#, "invalid number"),
        ] {
            let message = refused(text);
            assert!(message.contains(named), "{text}: {message}");
        }
    }

    #[test]
    fn length_limits_count_code_points() {
        let named = |name: String| {
            ClientFrame::decode(&format!(r#"{{"type":"publish","name":"{name}","data":0}}"#))
                .frame
                .is_ok()
        };
        assert!(named("𝄞".repeat(200)));
        assert!(!named("𝄞".repeat(201)));
        assert!(named("\\u00e9".repeat(200)));
    }

    #[test]
    fn data_is_unchanged_after_decoding() {
        for data in [
            "1.0",
            "1e400",
            "-0",
            "12345678901234567890",
            "{ \"a\" : [ 1 ,\n2 ] }",
            r#""\ud800\u0041""#,
            "null",
        ] {
            let text = format!(r#"{{"type":"publish","name":"a","data": {data} }}"#);
            match ClientFrame::decode(&text).frame {
                Ok(ClientFrame::Publish(event)) => assert_eq!(event.data.get(), data),
                other => panic!("{data}: {other:?}"),
            }
        }
    }

    #[test]
    fn refused_frame_still_has_its_ref() {
        let decoded = ClientFrame::decode(r#"{"type":"publish","ref":"7","name":""}"#);
        assert!(decoded.frame.is_err());
        assert_eq!(decoded.reference, Some(Ref::parse("7").unwrap()));
    }
}
