//! What goes wrong, and what time does.

use roomcast::code::Code;

use super::{HOUR, SECOND, Story, deadline};
use crate::world::{Death, World};

impl Story {
    pub(super) fn everybody_is_gone(&mut self) {
        for person in &mut self.people {
            person.identity = None;
        }
    }

    pub(super) fn sleep(&mut self) {
        self.says("the room sleeps".to_owned());
        self.world.sleeps();
    }

    pub(super) fn crash(&mut self) {
        self.says("the process is killed".to_owned());
        self.world.crashes();
        self.everybody_is_gone();
    }

    pub(super) fn die_over_a_publish(&mut self) {
        let death = *self.dice.pick(&[Death::BeforeCommit, Death::AfterCommit]);
        let drafts = self.drafts();
        self.says(format!("the process dies, {death:?}, over {drafts:.200?}"));
        self.world.dies = Some(death);
        assert_eq!(self.post(&drafts, "eve", &["publish"]), Err(Code::Restarting));
        match death {
            Death::AfterCommit => drop(self.expected(&drafts, "eve")),
            Death::BeforeCommit => {}
        }
        self.everybody_is_gone();
    }

    pub(super) fn fail_writing(&mut self) {
        let drafts = self.drafts();
        self.says(format!("the storage does not write {drafts:.200?}"));
        self.world.store.fail_writing();
        let answer = self.post(&drafts, "eve", &["publish"]);
        self.world.store.heal();
        // What needs no writing is answered as ever.
        let mut trial = self.model.clone();
        let expected = match self.model.born {
            None => Err(Code::Internal),
            Some(_) => match trial.publish(&drafts, "eve", self.world.now) {
                Ok(_) if trial.head() > self.model.head() => Err(Code::Internal),
                needs_no_writing => needs_no_writing,
            },
        };
        assert_eq!(answer, expected);
    }

    pub(super) fn fail_reading(&mut self) {
        let (drafts, reads) = (self.drafts(), self.dice.roll(12));
        // A room that just woke reads more: there, and only there, it shows.
        if self.is_compared {
            return;
        }
        self.says(format!("the storage fails after {reads} reads, over {drafts:.200?}"));
        self.world.store.fail_reading_after(reads);
        let answer = self.post(&drafts, "eve", &["publish"]);
        self.world.store.heal();
        if answer != Err(Code::Internal) {
            assert_eq!(answer, self.expected(&drafts, "eve"));
        }
    }

    pub(super) fn let_time_pass(&mut self) {
        let ms = *self.dice.pick(&[1, SECOND, 60 * SECOND, HOUR, 30 * HOUR, 200 * HOUR]);
        self.happens(format!("{ms} ms pass"), |world| {
            world.passes(ms);
            // An idle room is erased soon after its time, and how soon depends
            // on alarms that were set for others. Now, it is.
            if world.alarm.is_some() {
                world.rings();
            }
        });
    }

    pub(super) fn set_the_clock(&mut self) {
        let hours = *self.dice.pick(&[-30_i64, -1, 0, 1, 30]);
        self.says(format!("the clock is set by {hours} hours"));
        self.world.jumps(hours * i64::try_from(HOUR).unwrap());
    }

    /// The alarm may ring: sessions may end, and the room may be erased.
    pub(super) fn happens(&mut self, what: String, happening: impl FnOnce(&mut World)) {
        self.says(what);
        let erased = self.world.erased;
        happening(&mut self.world);
        for person in &mut self.people {
            let Some(identity) = &person.identity else { continue };
            let is_over = deadline(identity) <= self.world.now;
            assert_eq!(self.world.session(person.name).is_none(), is_over, "{}", person.name);
            if is_over {
                assert_eq!(self.world.client(person.name).closed, Some(Code::TokenExpired));
                person.identity = None;
            }
        }
        if self.world.erased > erased {
            let idle_until = self.model.last_write().plus(self.model.settings.retained_ms);
            assert!(idle_until <= self.world.now, "what was erased could be resumed from");
            assert_eq!(self.world.open_sockets(), 0, "somebody was in it");
            self.model.is_erased();
        }
    }

    pub(super) fn set_the_room(&mut self) {
        let settings = self.any_settings();
        self.says(format!("the room is set to {settings:?}"));
        self.world.settings = settings;
        self.world.settles();
        self.world.sleeps();
        self.world.head();
        self.model.is_met(self.world.now);
        self.model.has(settings);
    }

    pub(super) fn erase(&mut self) {
        if !self.dice.one_in(4) {
            return;
        }
        self.says("an admin erases the room".to_owned());
        let (status, _) = self.world.http("admin", "DELETE /rooms/r", "");
        assert_eq!(status, 204);
        for person in &mut self.people {
            if person.identity.take().is_some() {
                assert_eq!(self.world.client(person.name).closed, Some(Code::Erased));
            }
        }
        self.model.is_erased();
    }
}
