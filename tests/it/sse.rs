//! Tests of Server-Sent Events (docs/protocol.md, section 7): the text that a
//! reader receives for each frame of the room.

use roomcast::code::Code;
use roomcast::limits;
use roomcast::protocol::{Begin, Position};
use roomcast::sse::{BARRIER, COMMENT, CommentDue, Stream, StreamStart, UnpacedBuffer, closed};
use roomcast::time::Millis;

const WELCOME: &str = r#"{"type":"welcome","room":"r","session":"0","user":"alice","epoch":"h7Qk2pXa","seq":57,"grant":["subscribe"],"expires_at":1,"ping_ms":25000}"#;
const GAP: &str = r#"{"type":"gap","room":"r","epoch":"h7Qk2pXa","oldest":50,"seq":57}"#;
const STATE: &str = r#"{"type":"state","room":"r","epoch":"h7Qk2pXa","seq":57,"events":[{"seq":3,"name":"n","data":1,"at":5,"from":"bob","key":"k"}]}"#;
const PONG: &str = r#"{"type":"pong"}"#;
const SIGNAL: &str = r#"{"type":"signal","room":"r","name":"typing","data":{},"from":"bob"}"#;

fn start() -> Millis {
    Millis::new(1_000_000)
}

fn since(seq: u64) -> Begin {
    Begin::Since(position(seq))
}

fn position(seq: u64) -> Position {
    format!("h7Qk2pXa:{seq}").parse().unwrap()
}

fn events(prev: u64, events: &[&str]) -> String {
    let events = events.join(",");
    format!(
        r#"{{"type":"events","room":"r","epoch":"h7Qk2pXa","prev":{prev},"events":[{events}]}}"#
    )
}

fn event(seq: u64) -> String {
    format!(r#"{{"seq":{seq},"name":"n","data":{seq},"at":5,"from":"bob"}}"#)
}

/// Returns the text of a stream that starts with these frames.
fn stream_text(begin: Begin, frames: &[&str]) -> String {
    streaming(begin, frames).1
}

fn streaming(begin: Begin, frames: &[&str]) -> (Stream, String) {
    let mut stream_start = StreamStart::new(begin);
    for frame in frames {
        assert_eq!(stream_start.push((*frame).to_owned()), Ok(false), "{frame}");
    }
    assert_eq!(stream_start.push(PONG.to_owned()), Ok(true));
    Stream::begin(&stream_start, false, start())
}

fn text_of(stream: &mut Stream, frame: &str) -> String {
    let mut text = String::new();
    stream.append(&mut text, frame);
    text
}

#[test]
fn first_block_has_start_position() {
    let fresh = stream_text(Begin::Head, &[WELCOME]);
    assert_eq!(fresh, "id: h7Qk2pXa:57\n\n");
    let resumed = stream_text(since(41), &[WELCOME]);
    assert_eq!(resumed, "id: h7Qk2pXa:41\n\n");
    let with_state = stream_text(Begin::Head, &[WELCOME, STATE]);
    assert_eq!(with_state, format!("event: state\nid: h7Qk2pXa:57\ndata: {STATE}\n\n"));
}

#[test]
fn only_last_block_of_gap_and_state_has_id() {
    let alone = stream_text(since(3), &[WELCOME, GAP]);
    assert_eq!(alone, format!("event: gap\nid: h7Qk2pXa:57\ndata: {GAP}\n\n"));
    let both = stream_text(since(3), &[WELCOME, GAP, STATE]);
    assert_eq!(
        both,
        format!("event: gap\ndata: {GAP}\n\nevent: state\nid: h7Qk2pXa:57\ndata: {STATE}\n\n")
    );
}

#[test]
fn stream_with_last_starts_before_first_event() {
    let (one, two) = (event(56), event(57));
    let frame = events(55, &[&one, &two]);
    assert_eq!(
        stream_text(Begin::Last(2), &[WELCOME, &frame]),
        format!(
            "id: h7Qk2pXa:55\n\nid: h7Qk2pXa:56\ndata: {one}\n\nid: h7Qk2pXa:57\ndata: {two}\n\n"
        )
    );
    assert_eq!(stream_text(Begin::Last(2), &[WELCOME]), "id: h7Qk2pXa:57\n\n");
    assert_eq!(
        stream_text(Begin::Last(2), &[WELCOME, SIGNAL, &frame]).lines().next(),
        Some("id: h7Qk2pXa:57"),
        "nothing was replayed, and events after a signal are live"
    );
}

#[test]
fn event_with_line_breaks_spans_data_lines() {
    let (mut stream, _) = streaming(Begin::Head, &[WELCOME]);
    let written = "{\"seq\":58,\"name\":\"n\",\"data\":{\n  \"a\":\r1,\r\n\"b\":2},\"at\":5,\"from\":\"bob\"}";
    assert_eq!(
        text_of(&mut stream, &events(57, &[written])),
        "id: h7Qk2pXa:58\n\
         data: {\"seq\":58,\"name\":\"n\",\"data\":{\n\
         data:   \"a\":\n\
         data: 1,\n\
         data: \n\
         data: \"b\":2},\"at\":5,\"from\":\"bob\"}\n\n"
    );
}

#[test]
fn only_frames_for_readers_are_written() {
    let (mut stream, _) = streaming(Begin::Head, &[WELCOME]);
    for kind in ["signal", "members", "members:changed"] {
        let frame = format!(r#"{{"type":"{kind}","room":"r"}}"#);
        assert_eq!(text_of(&mut stream, &frame), format!("event: {kind}\ndata: {frame}\n\n"));
    }
    for frame in [
        WELCOME,
        PONG,
        r#"{"type":"authorized","room":"r","grant":[],"expires_at":1}"#,
        r#"{"type":"error","room":"r","code":"bad_request","message":"no"}"#,
        r#"{"type":"ack","room":"r","ref":"1","seq":1}"#,
        r#"{"type":"of a later version","room":"r"}"#,
        "not a frame of any room",
    ] {
        assert_eq!(text_of(&mut stream, frame), "", "{frame}");
    }
}

#[test]
fn gap_within_stream_has_no_id_before_state() {
    let (mut stream, _) = streaming(Begin::Head, &[WELCOME]);
    assert_eq!(text_of(&mut stream, GAP), format!("event: gap\ndata: {GAP}\n\n"));
    assert_eq!(
        text_of(&mut stream, STATE),
        format!("event: state\nid: h7Qk2pXa:57\ndata: {STATE}\n\n")
    );
}

#[test]
fn error_at_start_yields_refusal() {
    let mut stream_start = StreamStart::new(Begin::Head);
    assert_eq!(stream_start.push(WELCOME.to_owned()), Ok(false));
    let error = r#"{"type":"error","room":"r","code":"too_large","message":"it \"is\""}"#;
    let refusal = stream_start.push(error.to_owned()).unwrap_err();
    assert_eq!((refusal.code, refusal.message.as_str()), (Code::TooLarge, r#"it "is""#));
}

#[test]
fn barrier_is_a_ping_that_only_the_room_answers() {
    assert_ne!(BARRIER, roomcast::protocol::PING);
    let frame = roomcast::protocol::ClientFrame::decode(BARRIER).frame;
    assert!(matches!(frame, Ok(roomcast::protocol::ClientFrame::Ping)));
}

#[test]
fn end_of_stream_is_a_closed_block() {
    assert_eq!(
        closed(4010, "an \"admin\""),
        "event: closed\ndata: {\"code\":4010,\"reason\":\"an \\\"admin\\\"\"}\n\n"
    );
}

/// Limits: COMMENT_MS.
#[test]
fn comment_is_written_every_25_seconds() {
    assert_eq!(COMMENT.chars().next(), Some(':'));
    let mut stream_start = StreamStart::new(Begin::Head);
    stream_start.push(WELCOME.to_owned()).unwrap();
    for entered in [false, true] {
        let (mut stream, _) = Stream::begin(&stream_start, entered, start());
        assert_eq!(stream.next_due(), start().plus(25_000));
        let seconds = (0..=100).map(|second| start().plus(second * 1_000));
        let comments: Vec<CommentDue> = seconds.filter_map(|now| stream.due(now)).collect();
        assert_eq!(comments.len(), 4);
        assert!(comments.iter().all(|comment| comment.ping == entered));
    }
}

/// Limits: SEEN_BYTES.
#[test]
fn seen_is_due_each_time_a_quarter_of_the_window_was_read() {
    assert_eq!(limits::SEEN_BYTES as u64 * 4, limits::BRIDGE_WINDOW_BYTES);
    let frame = |bytes: usize| {
        let frame = |data: &str| {
            events(57, &[&format!(r#"{{"seq":58,"name":"n","data":"{data}","at":5}}"#)])
        };
        frame(&"x".repeat(bytes - frame("").len()))
    };
    let seen = Some(r#"{"type":"seen","seq":58}"#.to_owned());
    let (mut stream, _) = streaming(Begin::Head, &[WELCOME]);
    for _ in 0..2 {
        text_of(&mut stream, &frame(limits::SEEN_BYTES - 1_000));
        assert_eq!(stream.record_read(), None);
        assert_eq!(stream.record_read(), None);
        text_of(&mut stream, &frame(1_000));
        assert_eq!(stream.record_read(), seen);
        assert_eq!(stream.record_read(), None, "a seq is reported once");
    }
}

#[test]
fn seen_reports_the_newest_event_of_all_frames_that_were_read() {
    let (mut stream, _) = streaming(Begin::Head, &[WELCOME]);
    let large = format!(r#"{{"seq":59,"data":"{}"}}"#, "x".repeat(limits::SEEN_BYTES));
    text_of(&mut stream, &events(57, &[&event(58), &large]));
    text_of(&mut stream, &events(59, &[&event(60)]));
    text_of(&mut stream, SIGNAL);
    assert_eq!(stream.record_read(), Some(r#"{"type":"seen","seq":60}"#.to_owned()));
}

/// Limits: UNREAD_CHARACTERS.
#[test]
fn unpaced_buffer_accepts_frames_of_any_size_until_full() {
    let most = limits::UNREAD_CHARACTERS;
    let mut waiting = UnpacedBuffer::default();
    assert!(waiting.push(most - 1) && waiting.push(3 * most));
    assert!(!waiting.push(1));
    assert!(waiting.push(0), "frames under flow control count as 0 characters");
    waiting.release(most - 1);
    assert!(!waiting.push(1));
    waiting.release(3 * most);
    assert!(waiting.push(3 * most));
    waiting.release(2 * most);
    assert!(!waiting.push(1), "the waiting frames have reached the limit");
}

#[test]
fn events_of_stream_start_are_reported_as_seen() {
    let large = format!(r#"{{"seq":42,"data":"{}"}}"#, "x".repeat(limits::SEEN_BYTES));
    let (mut stream, _) = streaming(since(41), &[WELCOME, &events(41, &[&large])]);
    assert_eq!(stream.record_read(), Some(r#"{"type":"seen","seq":42}"#.to_owned()));
}
