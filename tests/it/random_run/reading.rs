//! Steps that read the room over HTTP: its stats, pages and state.

use roomcast::limits;

use super::RandomRun;
use crate::client::Event;

impl RandomRun {
    pub(super) fn read(&mut self) {
        let (since, last, limit) =
            (self.rng.below(self.model.head() + 3), self.rng.below(30), 1 + self.rng.below(20));
        self.log_step(format!(
            "an admin reads since and before {since}, the last {last}, {limit} a page"
        ));
        let epoch = self.sim.epoch();
        self.model.ensure_log(self.sim.now);
        let (now, head) = (self.sim.now, self.model.head());

        let stats = self.sim.http_get("");
        assert_eq!(
            (stats["head"].as_u64(), stats["oldest"].as_u64()),
            (Some(head), Some(self.model.oldest(now)))
        );
        let page = self.page(&format!("since={epoch}:{since}&limit={limit}"));
        assert_eq!(page.is_some(), self.model.can_resume(since, now));
        if let Some(page) = page {
            self.check_page(&page, since, limit);
        }
        let page = self.page(&format!("last={last}&limit={limit}")).unwrap();
        let begin = head.saturating_sub(last).max(self.model.oldest(now) - 1);
        self.check_page(&page, begin, limit);
        assert!(self.page(&format!("since=AAAAAAAA:{since}")).is_none());
        let page = self.page(&format!("before={epoch}:{since}&limit={limit}"));
        assert_eq!(page.is_some(), since <= head);
        if let Some(page) = page {
            // The events of a run are small, so `limit` events fit into a page.
            let begin = since.saturating_sub(limit).max(self.model.oldest(now) - 1).min(since);
            self.check_page(&page, begin, since - begin);
        }

        let (_, state) = self.sim.http("admin", "GET /rooms/r/state", "");
        let mut events: Vec<Event> = self.model.state().into_values().collect();
        events.sort_by_key(|event| event.seq);
        let events: Vec<&str> = events.iter().map(|event| event.text.as_str()).collect();
        assert!(state.contains(&format!(r#""seq":{head},"events":[{}]}}"#, events.join(","))));
    }

    pub(super) fn page(&mut self, query: &str) -> Option<String> {
        let (status, page) = self.sim.http("admin", &format!("GET /rooms/r/events?{query}"), "");
        assert!(status == 200 || status == 410, "{query}: {status}");
        (status == 200).then_some(page)
    }

    /// Checks that a page has as many events after a seq as the limits of
    /// events and bytes allow. If there are events, the page has at least one.
    pub(super) fn check_page(&self, page: &str, after: u64, limit: u64) {
        let events = self.model.after(after);
        let (mut fit, mut bytes) = (Vec::new(), 0);
        for event in events.iter().take(usize::try_from(limit).unwrap()) {
            bytes += event.text.len() + 1;
            if bytes - 1 > limits::PAGE_BYTES && !fit.is_empty() {
                break;
            }
            fit.push(event.text.as_str());
        }
        let expected = format!(
            r#""prev":{after},"events":[{}],"head":{}}}"#,
            fit.join(","),
            self.model.head()
        );
        assert!(page.ends_with(&expected), "{page:.300} is not …{expected:.300}");
    }
}
