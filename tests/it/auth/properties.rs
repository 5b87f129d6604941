//! Properties of token verification that hold for arbitrary input.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use roomcast::auth::extract::{self, TokenSources};
use roomcast::auth::{Keys, Origins};
use roomcast::protocol::{Grant, Right};
use serde_json::json;

use super::fixtures::{SHARED, check, token};
use super::rooms::granted;

/// Generates room names of few letters, so that patterns often match.
fn room() -> impl Strategy<Value = String> {
    "[ab]{1,2}(:[ab]{1,2}){0,3}"
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![room(), room().prop_map(|room| room + ":*"), Just("*".into()), "[ab:*]{0,6}"]
}

fn rights() -> impl Strategy<Value = Vec<&'static str>> {
    const NAMES: &[&str] = &["subscribe", "publish", "presence", "admin", "unknown"];
    vec(proptest::sample::select(NAMES), 0..4)
}

/// Implements the contract's rule for patterns in the simplest form. A pattern
/// matches whole segments.
fn matches_naive(pattern: &str, room: &str) -> bool {
    let pattern: Vec<&str> = pattern.split(':').collect();
    let room: Vec<&str> = room.split(':').collect();
    match pattern.split_last() {
        Some((&"*", [])) => true,
        Some((&"*", prefix)) => room.len() > prefix.len() && room.starts_with(prefix),
        _ => pattern == room,
    }
}

fn granted_naive(rooms: &BTreeMap<String, Vec<&str>>, room: &str) -> Grant {
    rooms
        .iter()
        .filter(|(pattern, _)| matches_naive(pattern, room))
        .flat_map(|(_, rights)| rights.iter().filter_map(|name| Right::named(name)))
        .collect()
}

proptest! {
    #[test]
    fn token_grants_exactly_the_rights_in_its_rooms(
        rooms in btree_map(pattern(), rights(), 0..6),
        room in room(),
    ) {
        prop_assert_eq!(granted(json!(rooms), &room), granted_naive(&rooms, &room));
    }

    #[test]
    fn arbitrary_token_is_rejected_without_panic(text in any::<String>(), dotted in "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){2}") {
        prop_assert!(check(&text).is_err());
        prop_assert!(check(&dotted).is_err());
    }

    #[test]
    fn arbitrary_header_and_claims_do_not_panic(
        header in vec(any::<u8>(), 0..200),
        claims in vec(any::<u8>(), 0..200),
        number in any::<f64>(),
    ) {
        let with_any_header = check(&token(&header, &claims, &SHARED));
        let with_valid_header = check(&token(r#"{"alg":"HS256"}"#, &claims, &SHARED));
        prop_assert!(with_any_header.is_err() && with_valid_header.is_err());
        // Any number in a time claim is accepted or rejected, but never causes
        // a panic.
        let times = json!({ "sub": "a", "exp": number, "nbf": number, "iat": number });
        let _ = check(&token(r#"{"alg":"HS256"}"#, times.to_string(), &SHARED));
    }

    #[test]
    fn any_change_to_a_valid_token_is_rejected(at in any::<prop::sample::Index>(), to in any::<char>()) {
        let valid = super::fixtures::token_with_claims(&super::fixtures::valid_claims());
        let mut changed: Vec<char> = valid.chars().collect();
        let at = at.index(changed.len());
        prop_assume!(changed[at] != to);
        changed[at] = to;
        prop_assert!(check(&changed.into_iter().collect::<String>()).is_err());
    }

    #[test]
    fn arbitrary_key_set_does_not_panic(text in any::<String>(), member in "[a-zA-Z0-9_-]{0,60}") {
        let _ = Keys::new(Some(&text), Some(&text));
        for (kty, crv) in [("oct", None), ("RSA", None), ("EC", Some("P-256")), ("OKP", Some("Ed25519"))] {
            let mut key = json!({ "kid": "k", "kty": kty });
            for name in ["x", "y", "n", "e", "k"] {
                key[name] = json!(member);
            }
            if let Some(crv) = crv {
                key["crv"] = json!(crv);
            }
            let _ = Keys::new(None, Some(&json!({ "keys": [key] }).to_string()));
        }
    }

    #[test]
    fn extracted_token_is_part_of_a_header(headers in any::<[String; 5]>(), origins in any::<String>()) {
        let [authorization, subprotocols, cookie, origin, fetch_site] = &headers;
        let origins = Origins::parse(&origins).unwrap_or_default();
        let sources = TokenSources {
            authorization: Some(authorization),
            subprotocols: Some(subprotocols),
            query_token: None,
            cookie: Some(cookie),
            origin: Some(origin),
            own_origin: None,
            fetch_site: Some(fetch_site),
        };
        if let Some(token) = extract::token(&sources, &origins) {
            let headers = [authorization, subprotocols, cookie];
            prop_assert!(headers.iter().any(|header| header.contains(token)));
        }
    }
}
