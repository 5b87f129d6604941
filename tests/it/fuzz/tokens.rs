//! Arbitrary tokens, arbitrary key sets, and tokens with a valid signature and
//! arbitrary claims. The accepted claims must be exactly the claims in the
//! token.

use roomcast::auth::{Claims, GrantRules, Keys, Policy, verify};
use roomcast::limits;
use roomcast::protocol::{Right, RoomName};
use roomcast::time::Millis;
use serde_json::Value;

use super::split_letter;
use crate::tokens;

const NOW: Millis = Millis::new(1_795_297_884_000);
const NOW_S: f64 = 1_795_297_884.0;
const LEEWAY_S: f64 = 30.0;

pub fn run_script(script: &str) {
    let (letter, rest) = split_letter(script);
    let (first, second) = rest.split_once('\n').unwrap_or((rest, ""));
    match letter {
        // A header and claims, which are signed here.
        's' => check_signed(first, second),
        // Rules of `ROOM_GRANTS`, and claims, which are signed here.
        'g' => check_rules(first, second),
        // A key set, and text that is used as a token and as a header.
        'k' => {
            if let Ok(keys) = Keys::new(None, Some(first)) {
                let _ = verify(second, &keys, &Policy::default(), NOW);
                let forged = tokens::signed(second, r#"{"sub":"a","exp":1795300000}"#);
                let result = verify(&forged, &keys, &Policy::default(), NOW);
                assert!(result.is_err(), "none of the keys signed {forged}");
            }
        }
        _ => drop(tokens::claims(script, NOW)),
    }
}

fn check_signed(header: &str, payload: &str) {
    let Ok(accepted) = tokens::claims(&tokens::signed(header, payload), NOW) else { return };
    let read = |json: &str| serde_json::from_str::<Value>(json).ok();
    // Claims that the core does not read may contain a lone surrogate, which
    // this parser rejects.
    let (Some(header), Some(written)) = (read(header), read(payload)) else { return };
    assert_eq!(header["alg"], "HS256");
    assert!(header.get("kid").is_none() && header.get("crit").is_none(), "{header}");

    let user = written["sub"].as_str().expect("a user");
    assert_eq!(user, accepted.user.as_str());
    assert!((1..=limits::USER).contains(&user.chars().count()));
    let exp = written["exp"].as_f64().expect("an expiry");
    assert!(exp + LEEWAY_S > NOW_S, "{exp}");
    let nbf = written["nbf"].as_f64().unwrap_or(0.0);
    assert!(nbf - LEEWAY_S < NOW_S + 0.001, "{nbf}");
    for room in ["r", "r:s", "shipments:42", "shipments"] {
        check_grant(&accepted, &written, room);
    }
}

/// Checks that the rules change nothing but the rights of a token without
/// `rooms`.
fn check_rules(rules: &str, payload: &str) {
    let Ok(rules) = GrantRules::parse(rules) else { return };
    let token = tokens::signed(r#"{"alg":"HS256"}"#, payload);
    let policy = Policy { rules, ..Policy::default() };
    let Ok(accepted) = tokens::claims_by(&policy, &token, NOW) else { return };
    let without_rules = tokens::claims(&token, NOW).expect("the rules accept no other tokens");
    let has_rooms =
        serde_json::from_str::<Value>(payload).is_ok_and(|all| all["rooms"].is_object());
    if has_rooms {
        assert_eq!(accepted, without_rules);
    }
    assert_eq!(accepted.user, without_rules.user);
    assert_eq!(accepted.expires_at, without_rules.expires_at);
}

fn check_grant(accepted: &Claims, written: &Value, room: &str) {
    let grant = accepted.grant(&RoomName::parse(room).unwrap());
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some("") => true,
        Some(prefix) => {
            prefix.ends_with(':') && room.len() > prefix.len() && room.starts_with(prefix)
        }
        None => pattern == room,
    };
    let patterns = written["rooms"].as_object();
    for right in Right::ALL {
        let lists = |rights: &Value| {
            rights.as_array().is_some_and(|rights| rights.iter().any(|name| name == right.as_str()))
        };
        let mut granting = patterns.into_iter().flatten();
        let is_written = granting.any(|(pattern, rights)| matches(pattern) && lists(rights));
        assert_eq!(grant.contains(right), is_written, "{} in {room}: {written}", right.as_str());
    }
}
