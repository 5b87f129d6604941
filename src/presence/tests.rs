use std::collections::BTreeMap;

use super::*;
use crate::code::Code;
use crate::session::session_set;

/// Presence and the open sockets of a room.
struct Sockets {
    presence: Presence,
    open: BTreeMap<SessionId, User>,
    /// The attachment of each socket.
    attachments: BTreeMap<SessionId, Box<RawValue>>,
    now: Millis,
}

impl Sockets {
    fn of(sessions: &[(u64, &str)]) -> Self {
        let named = |(id, user): &(u64, &str)| (SessionId(*id), User::parse(user).unwrap());
        let open = sessions.iter().map(named).collect();
        let (presence, attachments) = (Presence::default(), BTreeMap::new());
        Self { presence, open, attachments, now: Millis::new(1_000_000) }
    }

    fn enters(&mut self, id: u64, data: &str) {
        let data = serde_json::from_str(data).unwrap();
        let user = &self.open[&SessionId(id)];
        self.presence.enter(user, SessionId(id), data, self.now).unwrap();
    }

    fn leaves(&mut self, id: u64) {
        self.presence.leave(&self.open[&SessionId(id)], SessionId(id));
    }

    fn disconnect(&mut self, id: u64, mode: LeaveMode) {
        let user = self.open.remove(&SessionId(id)).unwrap();
        self.presence.disconnect(Some(&user), SessionId(id), mode, self.now);
        let open = &self.open;
        let after = |id: SessionId| open.range(id..).chain(open.range(..id)).next();
        self.presence.assign_carriers(|id| after(id).map(|(carrier, _)| *carrier));
    }

    fn commit(&mut self) -> String {
        let change = self.change();
        self.presence.commit_changes(self.now);
        let awaiting_list = self.presence.awaiting_list();
        self.presence.set_has_list(&session_set(&awaiting_list), true);
        change
    }

    fn change(&self) -> String {
        let ids = |entries: &[UserEntry]| {
            let shown = |e: &UserEntry| {
                format!("{}{}", e.user.as_str(), e.entry.session.trim_start_matches('0'))
            };
            entries.iter().map(shown).collect::<Vec<_>>().join(" ")
        };
        let Change { entered, updated, left } = self.presence.change(self.now);
        format!("+{} ~{} -{}", ids(&entered), ids(&updated), ids(&left))
    }

    fn members(&self) -> String {
        serde_json::to_string(&self.presence.members(self.now)).unwrap()
    }

    /// Returns the presence that is restored after hibernation.
    fn hibernated(&mut self) -> Presence {
        for (id, ()) in self.presence.drain_dirty() {
            self.attachments.remove(&id);
            let carried =
                self.open.get(&id).and_then(|user| self.presence.carried_by(Some(user), id));
            self.attachments.extend(carried.map(|carried| (id, carried)));
        }
        let carried = self.open.iter().filter_map(|(id, user)| {
            Some((Some(user.clone()), *id, self.attachments.get(id)?.clone()))
        });
        Presence::restore(carried)
    }

    /// Returns everything that a caller can observe.
    fn observable(&self, presence: &Presence) -> String {
        let told = (
            presence.listeners(),
            presence.awaiting_list(),
            presence.has_pending_changes(self.now),
        );
        let due = (presence.next_ping_timeout(), presence.next_end());
        let members = presence.members(self.now);
        format!("{members:?} {:?} {told:?} {due:?}", presence.change(self.now))
    }
}

#[test]
fn members_are_users_with_an_entry_for_each_session() {
    let mut room = Sockets::of(&[(1, "bob"), (2, "ann"), (3, "bob")]);
    room.enters(3, "[1.0]");
    room.enters(2, "null");
    room.now = room.now.plus(5);
    room.enters(1, "{}");
    let ann =
        r#"{"user":"ann","sessions":[{"session":"0000000000000002","data":null,"since":1000000}]}"#;
    let bob = [
        r#"{"session":"0000000000000001","data":{},"since":1000005}"#,
        r#"{"session":"0000000000000003","data":[1.0],"since":1000000}"#,
    ];
    let bob = format!(r#"{{"user":"bob","sessions":[{}]}}"#, bob.join(","));
    assert_eq!(room.members(), format!("[{ann},{bob}]"));
    assert_eq!(room.presence.count(room.now), 2);
}

#[test]
fn change_is_the_net_effect() {
    let mut room = Sockets::of(&[(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]);
    for id in 1..=4 {
        room.enters(id, "0");
    }
    assert_eq!(room.commit(), "+a1 b2 c3 d4 ~ -");
    assert_eq!(room.change(), "+ ~ -");

    // Session 1 updates twice. Session 2 updates and leaves. Session 3 leaves
    // and enters again. Session 5 enters and leaves.
    room.enters(1, "1");
    room.enters(1, "2");
    room.enters(2, "1");
    room.leaves(2);
    room.leaves(3);
    room.enters(3, "0");
    room.enters(5, "0");
    room.leaves(5);
    assert_eq!(room.commit(), "+ ~a1 c3 -b2");
    assert_eq!(room.presence.count(room.now), 3);

    room.enters(1, "2");
    assert_eq!(room.change(), "+ ~ -", "it was 2 before");
}

#[test]
fn disconnected_member_stays_in_grace_and_leaves_when_its_user_returns() {
    let mut room = Sockets::of(&[(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "z")]);
    for id in [1, 2, 5] {
        room.enters(id, "0");
    }
    room.commit();
    room.disconnect(1, LeaveMode::AfterGrace);
    room.disconnect(2, LeaveMode::AfterGrace);
    assert_eq!(room.change(), "+ ~ -");
    assert_eq!(room.presence.count(room.now), 3);

    room.enters(3, "0");
    assert_eq!(room.commit(), "+a3 ~ -a1");
    room.now = room.now.plus(limits::GRACE_MS - 1);
    assert_eq!(room.change(), "+ ~ -");
    room.now = room.now.plus(1);
    assert_eq!(room.commit(), "+ ~ -b2");
    room.enters(4, "0");
    assert_eq!(room.commit(), "+b4 ~ -", "it came too late");
    room.disconnect(4, LeaveMode::Immediate);
    assert_eq!(room.commit(), "+ ~ -b4");
}

#[test]
fn session_that_awaits_the_list_is_sent_no_change() {
    let mut room = Sockets::of(&[(1, "a"), (2, "b")]);
    room.enters(1, "0");
    room.commit();
    room.enters(2, "0");
    let ids = |room: &Sockets| (room.presence.listeners(), room.presence.awaiting_list());
    assert_eq!(ids(&room), (vec![SessionId(1)], vec![SessionId(2)]));
    room.commit();
    room.presence.request_list(&room.open[&SessionId(1)], SessionId(1));
    assert_eq!(ids(&room), (vec![SessionId(2)], vec![SessionId(1)]));
}

/// Limits: LIVENESS_RESOLUTION_MS.
#[test]
fn session_times_out_after_two_ping_periods() {
    let mut room = Sockets::of(&[(1, "a"), (2, "b"), (3, "c")]);
    for id in 1..=3 {
        room.enters(id, "0");
    }
    let timeout_at = room.now.plus(limits::PING_TIMEOUT_MS);
    let heard = room.now.plus(1);
    room.presence.record_ping(&room.open[&SessionId(2)], SessionId(2), heard);
    room.presence.touch(&room.open[&SessionId(3)], SessionId(3), heard);
    room.presence.drain_dirty();
    room.presence.record_ping(&room.open[&SessionId(2)], SessionId(2), heard);
    assert!(room.presence.drain_dirty().is_empty(), "that was known");
    assert_eq!(room.presence.next_ping_timeout(), Some(timeout_at));
    assert_eq!(room.presence.timed_out(timeout_at), [SessionId(1)]);
    room.presence.drain_dirty();
    room.presence.timed_out(timeout_at);
    assert!(room.presence.drain_dirty().is_empty(), "that was known too");

    // The other sessions were recorded as active, so no check is due yet.
    room.disconnect(1, LeaveMode::Immediate);
    room.commit();
    let next = timeout_at.plus(limits::LIVENESS_RESOLUTION_MS);
    assert_eq!(room.presence.next_ping_timeout(), Some(next));
    assert_eq!(room.presence.timed_out(next), [SessionId(2)]);
}

#[test]
fn presence_survives_hibernation_unchanged() {
    let mut random = 7_u64;
    let mut roll = |sides: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % sides
    };
    for _ in 0..300 {
        let mut room = Sockets::of(&[(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "b"), (6, "z")]);
        for _ in 0..40 {
            let id = 1 + roll(6);
            match roll(9) {
                0 if id < 6 && room.open.contains_key(&SessionId(id)) => {
                    let mode =
                        [LeaveMode::Immediate, LeaveMode::AfterGrace][usize::from(roll(2) == 0)];
                    room.disconnect(id, mode);
                }
                1 => room.now = room.now.plus(roll(6_000)),
                2 => drop(room.commit()),
                _ if !room.open.contains_key(&SessionId(id)) => {}
                3 => room.leaves(id),
                4 => drop(room.presence.request_list(&room.open[&SessionId(id)], SessionId(id))),
                5 if roll(4) == 0 => drop(room.presence.timed_out(room.now.plus(40_000))),
                5 => room.presence.touch(&room.open[&SessionId(id)], SessionId(id), room.now),
                _ => room.enters(id, &roll(3).to_string()),
            }
            let restored = room.hibernated();
            assert_eq!(room.observable(&restored), room.observable(&room.presence));
            if roll(3) == 0 {
                room.presence = restored;
            }
        }
    }
}

/// Limits: CARRIED_BYTES.
#[test]
fn truncated_carrier_sends_everyone_the_list_again() {
    let sessions: Vec<(u64, &str)> = (1..=40).map(|id| (id, "ann")).chain([(41, "z")]).collect();
    let mut room = Sockets::of(&sessions);
    for id in 1..=41 {
        room.enters(id, &format!("\"{}\"", "x".repeat(2_000)));
    }
    room.commit();
    for id in 1..=40 {
        room.disconnect(id, LeaveMode::AfterGrace);
    }
    let carried =
        room.presence.carried_by(Some(&room.open[&SessionId(41)]), SessionId(41)).unwrap();
    assert!(carried.get().len() < limits::CARRIED_BYTES + 2_500, "{}", carried.get().len());

    let restored = room.hibernated();
    assert_eq!(restored.awaiting_list(), [SessionId(41)]);
    let members = restored.members(room.now);
    assert_eq!(members[0].sessions.len(), 1, "ann has one of forty left");
    drop(members);
    // Once the list is sent, the entries that were not restored have no effect
    // any more.
    room.presence = restored;
    room.commit();
    assert_eq!(room.hibernated().awaiting_list(), []);
    room.now = room.now.plus(limits::GRACE_MS);
    room.commit();
    assert_eq!(room.presence.count(room.now), 1);
}

#[test]
fn attachment_holds_up_to_the_limit_and_none_for_no_entries() {
    let carried = |padding: usize| {
        let mut room = Sockets::of(&[(1, "a"), (2, "b"), (3, "z")]);
        let carrier = |room: &Sockets| {
            room.presence.carried_by(Some(&room.open[&SessionId(3)]), SessionId(3))
        };
        for id in [1, 2] {
            room.enters(id, &format!("\"{}\"", "x".repeat(padding)));
        }
        room.commit();
        assert!(carrier(&room).is_none());
        room.disconnect(1, LeaveMode::AfterGrace);
        room.disconnect(2, LeaveMode::AfterGrace);
        carrier(&room).unwrap()
    };
    // The attachment contains the padding twice.
    let around = carried(0).get().len();
    let brackets = r#"{"own":null,"others":[,],"short":false}"#.len();
    let most = (limits::CARRIED_BYTES + brackets - around) / 2;
    assert!(carried(most).get().ends_with(r#""short":false}"#));
    assert!(carried(most + 1).get().ends_with(r#""short":true}"#));
}

/// Limits: MEMBERS_BYTES.
#[test]
fn list_of_members_has_a_size_limit() {
    let mut room = Sockets::of(&[(1, "a"), (2, "b")]);
    room.enters(1, "0");
    let one = room.presence.bytes;
    assert!(one > r#"{"session":"0000000000000001","data":0,"since":1795297884686}"#.len());
    room.presence.bytes = limits::MEMBERS_BYTES;
    let user = room.open[&SessionId(2)].clone();
    let refused = room.presence.enter(&user, SessionId(2), RawValue::NULL, room.now);
    assert_eq!(refused.unwrap_err().code, Code::TooLarge);
    assert_eq!(room.presence.count(room.now), 1);
    room.enters(1, "1");
    assert_eq!(room.presence.bytes, limits::MEMBERS_BYTES, "it takes the place of what it was");

    assert_eq!(room.hibernated().bytes, one);
    room.commit();
    assert_eq!(room.presence.bytes, one);
    room.enters(2, "0");
    assert_eq!(room.presence.bytes, 2 * one);
}

#[test]
fn update_beyond_the_size_limit_changes_nothing() {
    let mut room = Sockets::of(&[(1, "a")]);
    room.enters(1, "0");
    room.commit();
    room.presence.drain_dirty();
    room.presence.bytes = limits::MEMBERS_BYTES;
    let before = room.observable(&room.presence);
    let (user, data) = (&room.open[&SessionId(1)], serde_json::from_str("10").unwrap());
    let refused = room.presence.enter(user, SessionId(1), data, room.now.plus(1));
    assert_eq!(refused.unwrap_err().code, Code::TooLarge);
    assert_eq!(room.observable(&room.presence), before);
    assert_eq!(room.presence.bytes, limits::MEMBERS_BYTES);
    assert!(room.presence.drain_dirty().is_empty());
}

#[test]
fn session_without_the_list_awaits_it_across_hibernation() {
    let mut room = Sockets::of(&[(1, "a"), (2, "b")]);
    room.enters(1, "0");
    room.enters(2, "0");
    room.commit();
    room.presence.set_has_list(&session_set(&[SessionId(2)]), false);
    assert!(room.presence.has_pending_changes(room.now));
    let restored = room.hibernated();
    assert_eq!(
        (restored.listeners(), restored.awaiting_list()),
        (vec![SessionId(1)], vec![SessionId(2)])
    );
    room.presence.commit_changes(room.now);
    assert_eq!(room.presence.awaiting_list(), [SessionId(2)], "a change is not the list");
}

/// The stored names differ from the names in the code. After a deploy, a socket
/// that hibernated has an attachment that an earlier version wrote.
#[test]
fn attachment_of_an_earlier_version_is_restored_and_saved_unchanged() {
    let here = r#"{"data":1,"since":5,"news":null,"state":{"here":{"heard":7,"listed":true}}}"#;
    let grace = r#"{"data":2,"since":5,"news":"entered","state":{"grace":{"until":9}}}"#;
    let over = r#"{"data":3,"since":5,"news":"updated","state":"over"}"#;
    let attachment =
        format!(r#"{{"own":{here},"others":[["bob",2,{grace}],["bob",3,{over}]],"short":false}}"#);
    let user = User::parse("ann").unwrap();
    let carried = RawValue::from_string(attachment.clone()).unwrap();
    let presence = Presence::restore([(Some(user.clone()), SessionId(1), carried)].into_iter());
    assert_eq!(presence.listeners(), [SessionId(1)]);
    assert_eq!(presence.users(), 2);
    assert_eq!(presence.carried_by(Some(&user), SessionId(1)).unwrap().get(), attachment);
}
