//! Faults, clock changes and alarms.

use roomcast::code::Code;

use super::{CLIENTS, HOUR, RandomRun, SECOND};
use crate::sim::{CrashPoint, SimRuntime};

impl RandomRun {
    pub(super) fn forget_all_sessions(&mut self) {
        for subscriber in &mut self.subscribers {
            subscriber.identity = None;
        }
    }

    pub(super) fn hibernate(&mut self) {
        self.log_step("the room hibernates".to_owned());
        self.sim.hibernate();
    }

    pub(super) fn crash(&mut self) {
        self.log_step("the process is killed".to_owned());
        self.sim.crash();
        self.forget_all_sessions();
    }

    pub(super) fn crash_during_publish(&mut self) {
        let crash_point = *self.rng.choose(&[CrashPoint::BeforeCommit, CrashPoint::AfterCommit]);
        let drafts = self.drafts();
        self.log_step(format!("the process dies, {crash_point:?}, during {drafts:.200?}"));
        self.sim.crash_at_next_input = Some(crash_point);
        // Zoe publishes only during crashes, so she never exceeds her rate
        // limit.
        assert_eq!(self.post(&drafts, "zoe", &["publish"]), Err(Code::Restarting));
        match crash_point {
            CrashPoint::AfterCommit => drop(self.expected(&drafts, "zoe")),
            CrashPoint::BeforeCommit => {}
        }
        self.forget_all_sessions();
    }

    pub(super) fn fail_writes(&mut self) {
        let drafts = self.drafts();
        self.log_step(format!("the storage fails to write {drafts:.200?}"));
        self.sim.store.fail_writes();
        let answer = self.post(&drafts, "eve", &["publish"]);
        self.sim.store.clear_faults();
        // A publish that needs no write succeeds even if writes fail.
        let mut trial = self.model.clone();
        let expected = match self.model.created_at {
            None => Err(Code::Internal),
            Some(_) => match trial.publish(&drafts, "eve", self.sim.now) {
                Ok(_) if trial.head() > self.model.head() => Err(Code::Internal),
                no_write => no_write,
            },
        };
        match answer {
            Err(Code::RateLimited) => self.check_http_answer(&drafts, answer),
            answer => assert_eq!(answer, expected),
        }
    }

    pub(super) fn fail_reads(&mut self) {
        let (drafts, reads) = (self.drafts(), self.rng.below(12));
        // A room that was just loaded makes more reads, so compared runs would
        // differ.
        if self.is_compared {
            return;
        }
        self.log_step(format!("the storage fails after {reads} reads, during {drafts:.200?}"));
        self.sim.store.fail_reads_after(reads);
        let answer = self.post(&drafts, "eve", &["publish"]);
        self.sim.store.clear_faults();
        if answer != Err(Code::Internal) {
            self.check_http_answer(&drafts, answer);
        }
    }

    /// Advances the clock, with alarms on time or late. A late alarm has only
    /// one effect: an idle room is erased later. In compared runs, alarms are
    /// always on time.
    pub(super) fn advance(&mut self) {
        let ms = *self.rng.choose(&[1, SECOND, 60 * SECOND, HOUR, 30 * HOUR, 200 * HOUR]);
        let late_ms = *self.rng.choose(&[0, 0, 10 * SECOND, 600 * SECOND, HOUR]);
        let late_ms = if self.is_compared { 0 } else { late_ms };
        self.sim.alarm_delay_ms = late_ms;
        self.run_timed(format!("{ms} ms pass, and alarms are {late_ms} ms late"), |sim| {
            sim.advance(ms);
            // An idle room is erased soon after its retention ends. The exact
            // time depends on alarms set for other reasons, so this step fires
            // the alarm itself.
            if sim.alarm.is_some() && late_ms == 0 {
                sim.fire_alarm();
            }
        });
    }

    /// Makes every load of the room fail for a while, by an invalid
    /// configuration or by failed reads. During this time, each input fails,
    /// and a client that waits for an answer receives an error. No client
    /// receives an event, and no event is lost.
    pub(super) fn fail_loads(&mut self) {
        self.sim.deliver_pending();
        self.sim.hibernate();
        match self.rng.one_in(2) {
            true => self.sim.misconfigured = Some("ROOM_SETTINGS: it is no JSON".to_owned()),
            false => self.sim.store.fail_reads_after(0),
        }
        self.log_step("the room can't be loaded".to_owned());
        let loads = self.sim.loads;
        for _ in 0..=self.rng.below(6) {
            self.send_failing_input();
        }
        assert_eq!(self.sim.loads, loads, "the room was loaded");
        self.sim.misconfigured = None;
        self.sim.store.clear_faults();
        self.log_step("the room can be loaded again".to_owned());
    }

    fn send_failing_input(&mut self) {
        match self.rng.below(7) {
            0 => {
                let drafts = self.drafts();
                assert_eq!(self.post(&drafts, "eve", &["publish"]), Err(Code::Internal));
            }
            1 => assert_eq!(self.sim.http("admin", "GET /rooms/r/state", "").0, 500),
            2 => {
                let who = self.random_client();
                let identity = self.any_identity(CLIENTS[who]);
                self.sim.connect(CLIENTS[who], "", identity);
                self.check_closed_internal(who);
            }
            3 => {
                let Some(who) = self.random_connected_client() else { return };
                let draft = self.draft();
                self.send_publish(who, &draft);
                self.check_closed_internal(who);
            }
            4 => self.leave(),
            5 => {
                let ms = *self.rng.choose(&[SECOND, 60 * SECOND, HOUR, 30 * HOUR]);
                self.log_step(format!("{ms} ms pass while the room can't be loaded"));
                self.sim.advance(ms);
            }
            _ => self.erase(),
        }
    }

    fn check_closed_internal(&mut self, who: usize) {
        self.log_step(format!("{} is closed", CLIENTS[who]));
        assert_eq!(self.sim.client(CLIENTS[who]).closed, Some(Code::Internal));
        self.subscribers[who].identity = None;
    }

    pub(super) fn shift_clock(&mut self) {
        let hours = *self.rng.choose(&[-30_i64, -1, 0, 1, 30]);
        self.log_step(format!("the clock is moved by {hours} hours"));
        self.sim.shift_clock(hours * i64::try_from(HOUR).unwrap());
    }

    /// Runs a step in which the alarm may fire. If the alarm fires, sessions
    /// may end, and the room may be erased.
    pub(super) fn run_timed(&mut self, description: String, action: impl FnOnce(&mut SimRuntime)) {
        self.log_step(description);
        let erased = self.sim.erasures;
        action(&mut self.sim);
        self.check_expired_sessions();
        if self.sim.erasures > erased {
            let idle_until = self.model.last_write().plus(self.model.settings.retained_ms);
            assert!(idle_until <= self.sim.now, "the erased events were still retained");
            assert_eq!(self.sim.open_sockets(), 0, "the room had no session");
            self.model.erase();
        }
    }

    pub(super) fn change_settings(&mut self) {
        let settings = self.any_settings();
        self.log_step(format!("the room gets the settings {settings:?}"));
        self.sim.settings = settings;
        self.sim.deliver_pending();
        self.sim.hibernate();
        self.sim.head();
        self.model.ensure_log(self.sim.now);
        self.model.set_settings(settings);
    }

    pub(super) fn erase(&mut self) {
        if !self.rng.one_in(4) {
            return;
        }
        self.log_step("an admin erases the room".to_owned());
        let (status, _) = self.sim.http("admin", "DELETE /rooms/r", "");
        assert_eq!(status, 204);
        self.check_all_erased();
        self.model.erase();
    }
}
