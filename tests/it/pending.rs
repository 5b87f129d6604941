//! Tests of sockets whose upgrade has no token (docs/protocol.md, section 4).
//! The tests check what a socket may do before a valid token, how a socket
//! ends, and how many sockets may wait.

use roomcast::auth::{Claims, Identity};
use roomcast::close_reason::CloseReason;
use roomcast::code::{Code, Refusal};
use roomcast::limits;
use roomcast::pending::{PendingEffect, PendingInput, PendingSocket, WaitingSockets};
use roomcast::protocol::{PONG, RoomName};
use roomcast::time::Millis;
use serde_json::json;

use crate::random::run_random;
use crate::test_rng::TestRng;
use crate::tokens;

const START: Millis = Millis::new(1_795_000_000_000);
const PING: &str = r#"{"type":"ping"}"#;

struct Harness {
    socket: PendingSocket,
    now: Millis,
}

fn room() -> RoomName {
    RoomName::parse("r").unwrap()
}

fn claims(rights: &[&str]) -> Claims {
    let token = tokens::token("alice", rights, START.plus(3_600_000));
    tokens::claims(&token, START).unwrap()
}

fn alice() -> Identity {
    Identity::of(&claims(&["subscribe"]), &room())
}

fn auth() -> String {
    json!({ "type": "auth", "token": "t" }).to_string()
}

fn verify() -> PendingEffect {
    PendingEffect::Verify { token: "t".to_owned() }
}

fn publish(data: usize) -> String {
    json!({ "type": "publish", "name": "n", "data": data }).to_string()
}

impl Harness {
    fn new() -> Self {
        Self { socket: PendingSocket::new(room(), START), now: START }
    }

    fn with_valid_token() -> Self {
        let mut harness = Self::new();
        assert_eq!(harness.send(&auth()), [verify()]);
        assert_eq!(
            harness.handle(PendingInput::Verified(Ok(claims(&["subscribe"])))),
            [PendingEffect::Open(alice())]
        );
        harness
    }

    fn handle(&mut self, input: PendingInput) -> Vec<PendingEffect> {
        self.socket.handle(input, self.now)
    }

    fn send(&mut self, text: &str) -> Vec<PendingEffect> {
        self.handle(PendingInput::Text(text))
    }
}

fn close_code(effects: &[PendingEffect]) -> u16 {
    match effects {
        [PendingEffect::End(CloseReason::Closed { code, .. })] => *code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn room_is_opened_only_after_valid_token() {
    let mut harness = Harness::new();
    assert_eq!(harness.send(PING), [PendingEffect::Send(PONG)]);
    assert_eq!(harness.send(r#"{"type": "ping"}"#), [PendingEffect::Send(PONG)]);
    assert_eq!(harness.send(&auth()), [verify()]);
    assert_eq!(harness.send(&publish(1)), [], "it waits for the verdict");
    assert_eq!(
        harness.handle(PendingInput::Verified(Ok(claims(&["subscribe"])))),
        [PendingEffect::Open(alice())]
    );
    assert_eq!(harness.send(&publish(2)), [], "it waits for the room");
    assert_eq!(harness.socket.deadline(), None, "a token that arrived in time has no deadline");
    assert_eq!(
        harness.handle(PendingInput::Opened),
        [PendingEffect::Forward(publish(1)), PendingEffect::Forward(publish(2))]
    );
    assert!(harness.socket.is_open());
}

#[test]
fn invalid_token_or_token_without_grant_opens_no_room() {
    let bad = Refusal::new(Code::TokenExpired, "it has expired");
    for (verdict, code) in [(Err(bad), 4001), (Ok(claims(&["publish", "admin"])), 4003)] {
        let mut harness = Harness::new();
        harness.send(&auth());
        harness.send(&publish(1));
        assert_eq!(close_code(&harness.handle(PendingInput::Verified(verdict))), code);
        assert_eq!(harness.send(&auth()), [], "the socket has ended");
    }
}

#[test]
fn first_frame_without_token_closes_socket() {
    for text in ["", "[]", "{}", &publish(1), r#"{"type":"auth"}"#, r#"{"type":"auth","token":7}"#]
    {
        assert_eq!(close_code(&Harness::new().send(text)), 4001, "{text}");
    }
    assert_eq!(close_code(&Harness::new().handle(PendingInput::Binary)), 4001);
    assert_eq!(close_code(&Harness::new().handle(PendingInput::TooLarge)), 1009);
    let large = " ".repeat(limits::BODY_BYTES + 1);
    assert_eq!(close_code(&Harness::new().send(&large)), 1009);
}

/// Limits: FIRST_FRAME_MS.
#[test]
fn missing_token_closes_socket_after_timeout() {
    let mut harness = Harness::new();
    assert_eq!(harness.socket.deadline(), Some(START.plus(limits::FIRST_FRAME_MS)));
    harness.now = START.plus(limits::FIRST_FRAME_MS - 1);
    assert_eq!(harness.handle(PendingInput::Tick), []);
    harness.now = harness.now.plus(1);
    assert_eq!(close_code(&harness.handle(PendingInput::Tick)), 4001);
    assert_eq!(harness.socket.deadline(), None);
}

#[test]
fn flood_of_pings_before_token_closes_socket() {
    let mut harness = Harness::new();
    let code = (0..1_000).find_map(|_| match &harness.send(PING)[..] {
        [PendingEffect::Send(_)] => None,
        effects => Some(close_code(effects)),
    });
    assert_eq!(code, Some(4429));
}

/// Limits: QUEUED_FRAMES.
#[test]
fn frames_waiting_for_verdict_and_room_are_bounded() {
    let mut harness = Harness::new();
    harness.send(&auth());
    for data in 1..limits::QUEUED_FRAMES / 2 {
        assert_eq!(harness.send(&publish(data)), []);
    }
    harness.handle(PendingInput::Verified(Ok(claims(&["subscribe"]))));
    harness.now = harness.now.plus(60_000);
    for data in 0..=limits::QUEUED_FRAMES / 2 {
        assert_eq!(harness.send(&publish(data)), []);
    }
    assert_eq!(close_code(&harness.send(&publish(1))), 4429);
}

#[test]
fn both_sockets_close_with_the_same_code() {
    let ended = |code, reason: &str| CloseReason::Closed { code, reason: reason.to_owned() };
    for (close_reason, like) in [
        (ended(1000, "done"), ended(1000, "done")),
        (CloseReason::NoCode, CloseReason::NoCode),
        (CloseReason::Lost, ended(1001, "")),
    ] {
        assert_eq!(
            Harness::with_valid_token().handle(PendingInput::Gone(close_reason)),
            [PendingEffect::End(like)]
        );
    }
    for (close_reason, code) in [(ended(4010, "kicked"), 4010), (CloseReason::Lost, 1012)] {
        let mut harness = Harness::with_valid_token();
        harness.handle(PendingInput::Opened);
        assert_eq!(close_code(&harness.handle(PendingInput::Ended(close_reason))), code);
    }
}

/// Limits: WAITING_SOCKETS.
#[test]
fn oldest_waiting_socket_is_closed_at_the_limit() {
    let mut sockets = WaitingSockets::default();
    let waiting: Vec<_> = (0..limits::WAITING_SOCKETS).map(|_| sockets.enter()).collect();
    assert!(waiting.iter().all(|ticket| sockets.is_waiting(*ticket)));
    let client = sockets.enter();
    assert!(sockets.is_waiting(client), "the newest socket may always wait");
    assert!(!sockets.is_waiting(waiting[0]));
    assert!(sockets.is_waiting(waiting[1]));
    sockets.leave(client);
    sockets.enter();
    assert!(sockets.is_waiting(waiting[1]), "a socket that leaves no longer counts");
    assert_eq!(close_code(&Harness::new().handle(PendingInput::TooManyWaiting)), 1013);
    assert_eq!(
        Harness::with_valid_token().handle(PendingInput::TooManyWaiting),
        [],
        "the socket no longer waits"
    );
}

/// For any inputs in any order, the room is opened at most once, and only after
/// a valid token. Before the valid token, the client receives only pongs. The
/// socket ends exactly once.
#[test]
fn arbitrary_inputs_open_room_only_after_valid_token() {
    run_random(400, 30, |seed, steps| {
        let mut rng = TestRng::new(seed);
        let mut harness = Harness::new();
        let (mut verifying, mut authorized, mut opened, mut has_ended) =
            (false, false, false, false);
        for _ in 0..steps {
            let token = auth();
            let input = match rng.below(12) {
                0..=2 => PendingInput::Text(&token),
                3 => PendingInput::Text(PING),
                4 => PendingInput::Text(rng.choose::<&str>(&[
                    "",
                    "{}",
                    "\u{0}",
                    r#"{"type":"seen"}"#,
                ])),
                5 => PendingInput::Binary,
                6 => PendingInput::Verified(Ok(claims(&[*rng.choose(&["subscribe", "publish"])]))),
                7 => PendingInput::Verified(Err(Refusal::new(Code::Unauthorized, "bad"))),
                8 => PendingInput::Opened,
                9 => PendingInput::Ended(CloseReason::Lost),
                10 => PendingInput::Tick,
                _ if rng.one_in(2) => PendingInput::TooManyWaiting,
                _ => PendingInput::TooLarge,
            };
            let is_valid = matches!(&input, PendingInput::Verified(Ok(claims))
                if claims.grant(&room()).contains(roomcast::protocol::Right::Subscribe));
            harness.now = harness.now.plus(rng.below(3_000));
            for effect in harness.handle(input) {
                assert!(!has_ended, "ROOMCAST_SEED={seed}: {effect:?} after the end");
                match effect {
                    PendingEffect::Send(text) => assert_eq!((text, authorized), (PONG, false)),
                    PendingEffect::Verify { .. } => {
                        assert!(!std::mem::replace(&mut verifying, true));
                    }
                    PendingEffect::Open(identity) => {
                        assert!(verifying && is_valid && !authorized, "ROOMCAST_SEED={seed}");
                        assert_eq!(identity, alice());
                        authorized = true;
                    }
                    PendingEffect::Forward(_) => assert!(authorized, "ROOMCAST_SEED={seed}"),
                    PendingEffect::End(_) => has_ended = true,
                }
            }
            opened |= harness.socket.is_open();
            assert!(!opened || authorized, "ROOMCAST_SEED={seed}");
        }
        steps
    });
}
