//! Tests of the export and the import of a room. Each test exports a room of
//! one runtime, and imports it in another runtime.

use roomcast::code::Code;
use roomcast::limits;
use roomcast::settings::Settings;
use serde_json::Value;

use crate::sim::SimRuntime;

/// Requests a page of an export.
fn page(sim: &mut SimRuntime, after: Option<&str>) -> (u16, String) {
    let query = after.map_or_else(String::new, |after| format!("?after={after}"));
    sim.http("admin", &format!("GET /rooms/r/export{query}"), "")
}

/// Returns the cursor of the next page.
fn next(page: &str) -> Option<String> {
    let last: Value = serde_json::from_str(page.lines().last().unwrap()).unwrap();
    last["next"].as_str().map(str::to_owned)
}

/// Requests all pages of an export, and calls a function between two pages.
fn export_with(sim: &mut SimRuntime, between: impl Fn(&mut SimRuntime)) -> Vec<String> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let (status, body) = page(sim, after.as_deref());
        assert_eq!(status, 200, "{body:.300}");
        assert!(body.len() <= limits::BODY_BYTES, "a page is the body of an import");
        after = next(&body);
        pages.push(body);
        if after.is_none() {
            return pages;
        }
        between(sim);
        sim.advance(1_000);
    }
}

fn export(sim: &mut SimRuntime) -> Vec<String> {
    export_with(sim, |_| ())
}

fn import(sim: &mut SimRuntime, page: &str) -> (u16, String) {
    sim.advance(1_000);
    sim.http("admin", "POST /rooms/r/import", page)
}

fn import_all(sim: &mut SimRuntime, pages: &[String]) {
    for page in pages {
        let (status, body) = import(sim, page);
        assert_eq!(status, 200, "{body:.300}");
    }
}

fn publish(sim: &mut SimRuntime, who: &str, body: &str) {
    let (status, answer) = sim.http(who, "POST /rooms/r/events", body);
    assert_eq!(status, 201, "{answer}");
}

/// Returns the stats, the state and the events that clients can read.
fn seen(sim: &mut SimRuntime) -> [Value; 3] {
    let mut stats = sim.http_get("");
    for of_object in ["awake_since", "rows_written", "sessions"] {
        stats.as_object_mut().unwrap().remove(of_object);
    }
    let since =
        format!("{}:{}", stats["epoch"].as_str().unwrap(), stats["oldest"].as_u64().unwrap() - 1);
    [stats, sim.http_get("/state"), sim.http_get(&format!("/events?since={since}&limit=1000"))]
}

/// A room whose ring has wrapped, and whose state is older than its log.
fn source() -> SimRuntime {
    let mut sim = SimRuntime::with(Settings { retained_appends: 4, ..Settings::default() });
    publish(&mut sim, "alice", r#"{"name":"n","data":{"é":1.50},"key":"old","id":"1"}"#);
    publish(&mut sim, "bob", r#"{"name":"n","data":"\u0000","key":"gone","id":"1"}"#);
    publish(&mut sim, "bob", r#"{"name":"n","data":null,"key":"gone"}"#);
    for id in 2..6 {
        sim.advance(10);
        publish(
            &mut sim,
            "alice",
            &format!(
                r#"{{"events":[{{"name":"n","data":{id},"id":"{id}","key":"new"}},{{"name":"m","data":[]}}]}}"#
            ),
        );
    }
    sim
}

/// An empty room of another deployment, with another epoch.
fn target_with(retained_appends: u64) -> SimRuntime {
    let mut sim = SimRuntime::with(Settings { retained_appends, ..Settings::default() });
    sim.advance(60_000);
    publish(&mut sim, "alice", r#"{"name":"n","data":1,"key":"k"}"#);
    assert_eq!(sim.http("admin", "DELETE /rooms/r", "").0, 204);
    sim.http("admin", "GET /rooms/r", "");
    sim
}

fn target() -> SimRuntime {
    target_with(4)
}

/// A room with several pages of state and of events. One append has several
/// lines.
fn large() -> SimRuntime {
    let settings = Settings { retained_appends: 8, reads_per_second: 1_000, ..Settings::default() };
    let mut sim = SimRuntime::with(settings);
    let data = "x".repeat(200_000);
    for key in 0..6 {
        sim.advance(1_000);
        publish(&mut sim, "alice", &format!(r#"{{"name":"n","data":"{data}","key":"{key}"}}"#));
    }
    for id in 0..8 {
        sim.advance(1_000);
        let event = format!(r#"{{"name":"n","data":"{data}","id":"{id}"}}"#);
        let more = format!(r#"{{"name":"n","data":"{data}"}}"#);
        publish(&mut sim, "alice", &format!(r#"{{"events":[{event},{more},{more}]}}"#));
    }
    sim
}

/// Returns the stats without `bytes`. The lines of an append are imported as
/// several appends, so the commas between them are no longer counted.
fn without_bytes([mut stats, state, events]: [Value; 3]) -> [Value; 3] {
    stats.as_object_mut().unwrap().remove("bytes");
    [stats, state, events]
}

#[test]
fn imported_room_is_the_same_for_its_clients() {
    let (mut from, mut to) = (source(), target());
    from.join_with("alice", "last=3");
    let before = seen(&mut from);
    let pages = export(&mut from);
    import_all(&mut to, &pages);
    assert_eq!(seen(&mut to), before);
    to.hibernate();
    assert_eq!(seen(&mut to), before);

    // The client moves to the new deployment.
    let alice = std::mem::take(from.client("alice"));
    *to.client("alice") = alice;
    publish(&mut to, "bob", r#"{"name":"n","data":"after the move"}"#);
    to.resume("alice");
    let alice = to.client("alice");
    assert_eq!(alice.gaps, 0);
    assert_eq!(alice.seq, before[0]["head"].as_u64().map(|head| head + 1));

    let repeat = r#"{"name":"n","data":5,"id":"5","key":"new"}"#;
    let (status, answer) = to.http("alice", "POST /rooms/r/events", repeat);
    assert_eq!(status, 200, "the id counts once: {answer}");
    publish(&mut to, "bob", repeat);
    assert_eq!(seen(&mut from), before, "an export changes nothing");
}

/// Limits: EXPORT_BYTES.
#[test]
fn export_of_a_large_room_has_bounded_pages_that_can_be_imported_twice() {
    let mut from = large();
    let before = without_bytes(seen(&mut from));
    let pages = export(&mut from);
    assert!(pages.len() > 4);
    for page in &pages[..pages.len() - 1] {
        assert!(page.len() > limits::EXPORT_BYTES && page.len() < limits::EXPORT_BYTES * 2);
    }
    let mut to = target_with(100);
    for count in 1..=pages.len() {
        // The import stops after each page, and begins again.
        import_all(&mut to, &pages[..count]);
        to.hibernate();
    }
    assert_eq!(without_bytes(seen(&mut to)), before);
    let tables = to.store.tables();
    import_all(&mut to, &pages);
    assert_eq!(to.store.tables(), tables, "a repeated import changes nothing");
}

#[test]
fn state_that_changes_between_two_pages_is_exported_once() {
    let mut from = large();
    from.settings.retained_appends = 100;
    from.hibernate();
    let pages = export_with(&mut from, |sim| {
        if sim.head() < 60 {
            publish(sim, "bob", r#"{"name":"n","data":null,"key":"5"}"#);
            publish(sim, "bob", r#"{"name":"n","data":1,"key":"3"}"#);
        }
    });
    let mut to = target_with(100);
    import_all(&mut to, &pages);
    assert_eq!(without_bytes(seen(&mut to)), without_bytes(seen(&mut from)));
}

#[test]
fn damaged_line_is_named_and_nothing_is_changed() {
    let pages = export(&mut source());
    let [page] = pages.as_slice() else { panic!("one page") };
    let mut to = target();
    let lines: Vec<&str> = page.lines().collect();
    let before = to.store.tables();
    for (number, line) in (1..).zip(&lines) {
        for damaged in [
            line.replace('n', "m"),
            line.trim_start_matches('{').to_owned(),
            line.replacen(':', ": ", 1).replacen("seq\":", "seq\":1", 1),
            line.replacen(r#""end":"#, r#""end":1"#, 1),
            format!("{line},"),
            line.replacen("]}", ",]}", 1),
            line.replacen("]}", "null]}", 1),
            line.replacen("]}", "}]}", 1),
        ] {
            if damaged == *line
                || serde_json::from_str::<Value>(&damaged).ok() == serde_json::from_str(line).ok()
            {
                continue;
            }
            let mut lines: Vec<&str> = lines.clone();
            lines[number - 1] = &damaged;
            let (status, answer) = import(&mut to, &lines.join("\n"));
            assert_eq!(status, 400, "{damaged}");
            assert!(answer.contains(&format!("line {number}: ")), "{damaged}: {answer}");
            assert_eq!(to.store.tables(), before, "{damaged}");
        }
    }
    for missing in 2..lines.len() - 1 {
        let without = [&lines[..missing], &lines[missing + 1..]].concat().join("\n");
        let (status, answer) = import(&mut to, &without);
        assert_eq!(status, 400, "a hole: {answer}");
        assert!(answer.contains(&format!("line {}: ", missing + 1)), "{answer}");
        assert_eq!(to.store.tables(), before);
    }
}

#[test]
fn import_is_refused_in_a_room_with_another_log() {
    let pages = export(&mut source());
    let mut other = target();
    publish(&mut other, "alice", r#"{"name":"n","data":1}"#);
    let (status, answer) = import(&mut other, &pages[0]);
    assert_eq!(status, 400);
    assert!(answer.contains("erase the room before the import"), "{answer}");

    let mut diverged = target();
    import_all(&mut diverged, &pages);
    publish(&mut diverged, "alice", r#"{"name":"n","data":"here"}"#);
    let mut from = source();
    publish(&mut from, "alice", r#"{"name":"n","data":"there"}"#);
    let (status, answer) = import(&mut diverged, &export(&mut from)[0]);
    assert_eq!(status, 400);
    assert!(answer.contains("the room has other events from seq 12 to 12"), "{answer}");
}

#[test]
fn sessions_of_an_empty_room_connect_again_and_later_pages_are_broadcast() {
    let pages = export(&mut large());
    let mut to = target_with(100);
    to.join("alice");
    import_all(&mut to, &pages[..1]);
    assert_eq!(to.client("alice").closed, Some(Code::Restarting));
    let first = pages.iter().position(|page| page.contains(r#"{"events":"#)).unwrap();
    import_all(&mut to, &pages[1..=first]);
    to.join("alice");
    import_all(&mut to, &pages[first + 1..]);
    to.run_until_idle();
    assert_eq!(to.client("alice").seq, Some(30), "the client has received all events");
    assert_eq!(to.client("alice").closed, None);
}

#[test]
fn room_without_retained_events_keeps_its_head_and_state() {
    let mut from = source();
    from.join("alice");
    from.advance(from.settings.retained_ms + 1);
    let pages = export(&mut from);
    let mut to = target();
    to.now = from.now;
    import_all(&mut to, &pages);
    let (before, after) = (from.http_get(""), to.http_get(""));
    for field in ["epoch", "head", "oldest"] {
        assert_eq!(after[field], before[field]);
    }
    assert_eq!(to.http_get("/state"), from.http_get("/state"));
}

#[test]
fn export_of_an_empty_room_can_be_imported() {
    let mut from = SimRuntime::new();
    let pages = export(&mut from);
    let mut to = target();
    import_all(&mut to, &pages);
    assert_eq!(to.epoch(), from.epoch());
}

#[test]
fn export_from_a_lost_position_is_refused() {
    let mut from = large();
    let (_, first) = page(&mut from, None);
    for _ in 0..9 {
        publish(&mut from, "bob", r#"{"name":"n","data":1}"#);
        from.advance(1_000);
    }
    let mut after = next(&first);
    let status = loop {
        match page(&mut from, after.as_deref()) {
            (200, body) => after = next(&body),
            (status, _) => break status,
        }
        from.advance(1_000);
    };
    assert_eq!(status, 410);
    assert_eq!(page(&mut from, Some("AAAAAAAA:1:0")).0, 410, "another epoch");
}

#[test]
fn only_an_admin_may_export_and_import() {
    let mut sim = source();
    assert_eq!(sim.http("alice", "GET /rooms/r/export", "").0, 403);
    assert_eq!(sim.http("alice", "POST /rooms/r/import", "").0, 403);
}

#[test]
fn first_publish_after_an_import_follows_the_imported_head() {
    let mut from = SimRuntime::with(Settings { retained_appends: 1, ..Settings::default() });
    for data in 1..=5 {
        publish(&mut from, "bob", &format!(r#"{{"name":"n","data":{data}}}"#));
    }
    let mut to = target();
    import_all(&mut to, &export(&mut from));
    to.join("alice");
    to.client("alice").drain_frames();
    publish(&mut to, "bob", r#"{"name":"n","data":6}"#);
    to.run_until_idle();
    let frame = &to.client("alice").drain_frames()[0];
    assert_eq!((&frame["prev"], &frame["events"][0]["seq"]), (&5.into(), &6.into()));
}
