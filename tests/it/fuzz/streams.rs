//! A reader of Server-Sent Events, which parses the stream as the HTML standard
//! requires. The reader must receive the same events as a client with a
//! WebSocket to the room.

use roomcast::protocol::Start;
use roomcast::settings::Settings;
use roomcast::sse::{BARRIER, Stream, StreamStart};

use super::split_letter;
use crate::client::Client;
use crate::sim::SimRuntime;

/// Runs a script. The first line is the query. The next three lines are
/// publishes before the stream starts, and all further lines are publishes
/// after the start. A carriage return does not end a line, so a publish may
/// contain carriage returns.
pub fn run_script(script: &str) {
    let rate = 1_000_000;
    let settings =
        Settings { retained_appends: 4, publishes_per_second: rate, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    let mut lines = script.split('\n');
    let start = lines.next().and_then(|query| Start::parse(query).ok());
    lines.by_ref().take(3).for_each(|line| publish(&mut sim, line));
    let mut reader = Reader::start(&mut sim, start.unwrap_or(Start::parse("").unwrap()));
    reader.check(&mut sim);
    for line in lines {
        publish(&mut sim, line);
        reader.read_new(&mut sim);
        reader.check(&mut sim);
    }
}

fn publish(sim: &mut SimRuntime, line: &str) {
    let (letter, data) = split_letter(line);
    let body = format!(r#"{{"name":"n","data":{data}}}"#);
    match letter {
        'q' => drop(sim.http("bob", "POST /rooms/r/signals", &body)),
        'k' => drop(
            sim.http_publish_body("bob", &format!(r#"{{"name":"n","key":"k","data":{data}}}"#)),
        ),
        _ => drop(sim.http_publish_body("bob", &body)),
    }
    sim.run_until_idle();
}

struct Reader {
    stream: Stream,
    last_event_id: String,
    /// Position and text of each event since the last gap.
    events: Vec<(String, String)>,
}

impl Reader {
    fn start(sim: &mut SimRuntime, start: Start) -> Self {
        let (query, identity) = (start.query(), sim.identity("rea"));
        sim.clients.insert("rea".into(), Client::starting_with(&query));
        sim.connect_bridge("rea", &query, identity, 1 << 20);
        sim.deliver_pending();
        sim.send("rea", BARRIER);
        let mut stream_start = StreamStart::new(start.begin);
        let frames = std::mem::take(&mut sim.client("rea").frames);
        let ends: Vec<bool> =
            frames.into_iter().map(|frame| stream_start.push(frame).unwrap()).collect();
        assert_eq!(ends.iter().position(|is_last| *is_last), Some(ends.len() - 1));
        let (stream, text) = Stream::begin(&stream_start, false, sim.now);
        let mut reader = Self { stream, last_event_id: String::new(), events: Vec::new() };
        reader.parse(&text);
        assert!(
            !reader.last_event_id.is_empty(),
            "the stream starts with its position: {text:.300}"
        );
        reader
    }

    fn read_new(&mut self, sim: &mut SimRuntime) {
        for frame in std::mem::take(&mut sim.client("rea").frames) {
            let mut text = String::new();
            self.stream.append(&mut text, &frame);
            self.parse(&text);
        }
        if sim.client("rea").seq.is_some() {
            sim.send_seen("rea");
        }
    }

    /// Parses a stream as the standard requires:
    /// <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>
    fn parse(&mut self, text: &str) {
        let (mut kind, mut data) = (String::new(), String::new());
        for line in text.replace("\r\n", "\n").split(['\r', '\n']) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() => {
                    self.dispatch(&std::mem::take(&mut kind), std::mem::take(&mut data));
                }
                "event" => kind = value.to_owned(),
                "data" => data.extend([value, "\n"]),
                "id" => self.last_event_id = value.to_owned(),
                _ => assert_eq!(field, "", "{line:.300}"),
            }
        }
    }

    fn dispatch(&mut self, kind: &str, mut data: String) {
        if data.is_empty() {
            return;
        }
        data.pop();
        match kind {
            "" => return self.events.push((self.last_event_id.clone(), data)),
            "gap" => self.events.clear(),
            _ => {}
        }
        assert!(data.starts_with(&format!(r#"{{"type":"{kind}","#)), "{kind}: {data:.300}");
    }

    fn check(&self, sim: &mut SimRuntime) {
        let epoch = sim.epoch();
        let applied = sim
            .client("rea")
            .events
            .iter()
            .map(|event| (format!("{epoch}:{}", event.seq), event.text.replace('\r', "\n")));
        assert_eq!(self.events, applied.collect::<Vec<_>>());
    }
}
