//! Accepted tokens: all four algorithms, and values at the limits of time and
//! size.

use roomcast::auth::{Claims, Policy, TokenError, verify};
use roomcast::protocol::Grant;
use roomcast::time::Millis;
use serde_json::{Value, json};

use super::fixtures::{
    AUDIENCE, EC, ED, NOW, NOW_S, OCT, RSA, SHARED, Signer, check, check_at, token,
    token_with_claims, valid_claims, with, without,
};

#[test]
fn token_of_each_algorithm_is_accepted() {
    let table: [(&str, &Signer); 5] = [
        (r#"{"alg":"HS256","typ":"JWT"}"#, &SHARED),
        (r#"{"alg":"HS256","kid":"oct"}"#, &OCT),
        (r#"{"alg":"RS256","kid":"rsa"}"#, &RSA),
        (r#"{"alg":"ES256","kid":"ec"}"#, &EC),
        (r#"{"alg":"EdDSA","kid":"ed"}"#, &ED),
    ];
    for (header, signer) in table {
        let claims = check(&token(header, valid_claims().to_string(), signer));
        let claims = claims.unwrap_or_else(|error| panic!("{header}: {error:?}"));
        assert_eq!(claims.user.as_str(), "alice");
        assert_eq!(claims.expires_at, Millis::new((NOW_S + 60) * 1_000));
    }
}

/// Limits: LEEWAY_MS.
#[test]
fn exp_and_nbf_have_leeway_of_exactly_thirty_seconds() {
    let exp = token_with_claims(&with("exp", json!(NOW_S)));
    let nbf = token_with_claims(&with("nbf", json!(NOW_S)));
    let after = |ms| NOW.plus(ms);
    let before = |ms| NOW.minus(ms);

    assert!(check_at(&exp, after(29_999)).is_ok());
    assert_eq!(check_at(&exp, after(30_000)), Err(TokenError::Expired));
    assert!(check_at(&nbf, before(30_000)).is_ok());
    assert_eq!(check_at(&nbf, before(30_001)), Err(TokenError::NotYetValid));
}

#[test]
fn fractional_exp_counts_to_the_millisecond() {
    let token = token_with_claims(&with("exp", json!(1_795_297_884.25)));
    assert_eq!(check(&token).unwrap().expires_at, NOW.plus(250));
    assert!(check_at(&token, NOW.plus(30_249)).is_ok());
    assert_eq!(check_at(&token, NOW.plus(30_250)), Err(TokenError::Expired));
}

/// Limits: USER.
#[test]
fn claims_at_their_limits_are_accepted() {
    // Last second of the year 262142.
    let last_second = 8_210_266_876_799_u64;
    let expires_at = |exp: Value| check(&token_with_claims(&with("exp", exp))).unwrap().expires_at;
    assert_eq!(expires_at(json!(last_second)), Millis::new(last_second * 1_000));
    assert_eq!(expires_at(json!(8_210_266_876_799.5)), Millis::new(last_second * 1_000 + 500));
    assert!(last_second * 1_000 < 1 << 53, "JavaScript represents it exactly");

    let accepted: [(&str, Value); 10] = [
        ("sub", json!("a")),
        ("sub", json!("é".repeat(128))),
        ("sub", json!("auth0|5f7c8ec7c33c6c004bbafe82")),
        ("nbf", json!(0)),
        ("nbf", json!(-0.0)),
        ("iat", json!(NOW_S + 1_000_000)),
        ("iat", json!(last_second)),
        ("aud", json!(AUDIENCE)),
        ("aud", json!(["billing", AUDIENCE])),
        ("custom", json!({ "nested": [null, { "sub": "bob" }] })),
    ];
    for (claim, value) in accepted {
        let verdict = check(&token_with_claims(&with(claim, value.clone())));
        assert!(verdict.is_ok(), "{claim}: {value}: {verdict:?}");
    }
}

#[test]
fn without_policy_any_iss_and_aud_are_accepted() {
    let keys = super::fixtures::keys();
    let verdict =
        |claims: Value| verify(&token_with_claims(&claims), &keys, &Policy::default(), NOW);
    assert!(verdict(with("iss", json!(7))).is_ok());
    assert!(verdict(with("aud", json!("billing"))).is_ok());
    assert!(verdict(without("aud")).is_ok());
}

/// Limits: TOKEN_BYTES.
#[test]
fn token_of_8_kib_is_accepted_and_longer_is_rejected() {
    let padded = |length: usize| {
        let token = |pad: usize| token_with_claims(&with("pad", json!("x".repeat(pad))));
        (5_000..7_000).map(token).find(|token| token.len() == length)
    };
    assert!(check(&padded(8_192).unwrap()).is_ok());
    assert_eq!(check(&padded(8_193).unwrap()), Err(TokenError::TooLong));
}

#[test]
fn token_without_rooms_grants_nothing() {
    let claims: Claims = check(&token_with_claims(&without("rooms"))).unwrap();
    let room = roomcast::protocol::RoomName::parse("shipments:1").unwrap();
    assert_eq!(claims.grant(&room), Grant::NONE);
}

#[test]
fn extra_header_members_are_ignored() {
    let more = [
        json!({ "typ": "at+jwt", "cty": "json" }),
        json!({ "cty": "JSON", "x5t": "lDpwLQbzRZmu4fjajvn3KWAx1pk" }),
        json!({ "jku": "https://evil.example", "x5u": "https://evil.example", "x5c": [""] }),
        json!({ "jwk": { "kty": "oct", "k": "" }, "b64": true, "custom": null }),
    ];
    for mut header in more {
        header["alg"] = json!("HS256");
        let verdict = check(&token(header.to_string(), valid_claims().to_string(), &SHARED));
        assert!(verdict.is_ok(), "{header}: {verdict:?}");
    }
}
