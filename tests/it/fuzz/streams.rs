//! A reader of Server-Sent Events: what it reads, as the HTML standard says
//! that one reads, is what a client of the room's own has applied.

use roomcast::protocol::Start;
use roomcast::settings::Settings;
use roomcast::sse::{BARRIER, Stream, StreamStart};

use super::parted;
use crate::client::Client;
use crate::sim::SimRuntime;

/// The query, and then what is published: three lines before the stream begins
/// and the rest behind it. A carriage return does not end a line here, so it
/// may be in what is published.
pub fn play(script: &str) {
    let rate = 1_000_000;
    let settings =
        Settings { retained_appends: 4, publishes_per_second: rate, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    let mut lines = script.split('\n');
    let start = lines.next().and_then(|query| Start::parse(query).ok());
    lines.by_ref().take(3).for_each(|line| publishes(&mut sim, line));
    let mut reader = Reader::begins(&mut sim, start.unwrap_or(Start::parse("").unwrap()));
    reader.is_right(&mut sim);
    for line in lines {
        publishes(&mut sim, line);
        reader.reads_on(&mut sim);
        reader.is_right(&mut sim);
    }
}

fn publishes(sim: &mut SimRuntime, line: &str) {
    let (letter, data) = parted(line);
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
    /// With the position of each, since the last gap.
    events: Vec<(String, String)>,
}

impl Reader {
    fn begins(sim: &mut SimRuntime, start: Start) -> Self {
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
        reader.reads(&text);
        assert!(!reader.last_event_id.is_empty(), "it says where it starts: {text:.300}");
        reader
    }

    fn reads_on(&mut self, sim: &mut SimRuntime) {
        for frame in std::mem::take(&mut sim.client("rea").frames) {
            let text = self.stream.frame(&frame);
            self.reads(&text);
        }
        if sim.client("rea").seq.is_some() {
            sim.send_seen("rea");
        }
    }

    /// <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>
    fn reads(&mut self, text: &str) {
        let (mut kind, mut data) = (String::new(), String::new());
        for line in text.replace("\r\n", "\n").split(['\r', '\n']) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() => {
                    self.is_dispatched(&std::mem::take(&mut kind), std::mem::take(&mut data));
                }
                "event" => kind = value.to_owned(),
                "data" => data.extend([value, "\n"]),
                "id" => self.last_event_id = value.to_owned(),
                _ => assert_eq!(field, "", "{line:.300}"),
            }
        }
    }

    fn is_dispatched(&mut self, kind: &str, mut data: String) {
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

    fn is_right(&self, sim: &mut SimRuntime) {
        let epoch = sim.epoch();
        let applied = sim
            .client("rea")
            .events
            .iter()
            .map(|event| (format!("{epoch}:{}", event.seq), event.text.replace('\r', "\n")));
        assert_eq!(self.events, applied.collect::<Vec<_>>());
    }
}
