//! The verification with a cache of verified tokens. Each answer must be the
//! answer of a verification without the cache.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use roomcast::auth::{Claims, KeyError, Keys, Policy, Refetch, TokenError, Verifier, verify};
use roomcast::time::Millis;
use serde_json::{Value, json};

use super::fixtures::{
    EC, ED, NOW, NOW_S, OCT, RSA, SECRET, SHARED, Signer, keys, policy, token, token_with_claims,
    valid_claims, with,
};

const TEN_MINUTES_MS: u64 = 600_000;

fn verifier() -> Verifier {
    Verifier::new(keys(), policy())
}

fn set(signer: &Signer, kid: &str) -> String {
    json!({ "keys": [signer.jwk(kid)] }).to_string()
}

/// Returns a token with these claims and this `kid`, signed with HS256.
fn token_of(kid: &str, claims: &Value, signer: &Signer) -> String {
    token(json!({ "alg": "HS256", "kid": kid }).to_string(), claims.to_string(), signer)
}

/// Returns the token with another character at this index. The character is
/// of base64url, and no bit of it is spare.
fn with_change(token: &str, at: usize) -> String {
    let mut bytes = token.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'I' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn token_that_expires_while_cached_is_rejected() {
    let mut verifier = verifier();
    let token = token_with_claims(&with("exp", json!(NOW_S)));
    let verdict = |after_ms, verifier: &mut Verifier| verifier.verify(&token, NOW.plus(after_ms));
    let accepted = verdict(0, &mut verifier).unwrap();
    assert_eq!(verdict(29_999, &mut verifier), Ok(accepted.clone()));
    assert_eq!(verdict(30_000, &mut verifier), Err(TokenError::Expired));
    assert_eq!(verdict(1_000_000_000, &mut verifier), Err(TokenError::Expired));
    // If the clock was set back, the token is valid again, as without a cache.
    assert_eq!(verdict(29_999, &mut verifier), Ok(accepted));
}

#[test]
fn token_becomes_valid_at_nbf_and_is_rejected_if_the_clock_is_set_back() {
    let mut verifier = verifier();
    let token = token_with_claims(&with("nbf", json!(NOW_S)));
    for (now, is_valid) in [
        (NOW.minus(30_001), false),
        (NOW.minus(30_000), true),
        (NOW, true),
        (NOW.minus(30_001), false),
    ] {
        let error = verifier.verify(&token, now).err();
        assert_eq!(error, (!is_valid).then_some(TokenError::NotYetValid), "{now:?}");
    }
}

#[test]
fn token_of_withdrawn_key_is_rejected_after_the_keys_are_replaced() {
    let mut verifier = verifier();
    let renewed = token_of("new", &valid_claims(), &OCT);
    let withdrawn = token(r#"{"alg":"EdDSA","kid":"old"}"#, valid_claims().to_string(), &ED);
    verifier.replace_fetched_keys(&set(&ED, "old"), NOW).unwrap();
    assert!(verifier.verify(&withdrawn, NOW).is_ok());

    assert_eq!(verifier.replace_fetched_keys("<html>503</html>", NOW), Err(KeyError::NotASet));
    assert!(verifier.verify(&withdrawn, NOW).is_ok(), "the previous keys stay in use");

    verifier.replace_fetched_keys(&set(&OCT, "new"), NOW).unwrap();
    assert!(matches!(verifier.verify(&withdrawn, NOW), Err(TokenError::UnknownKey { .. })));
    assert!(verifier.verify(&renewed, NOW).is_ok());

    // The next set has a different key with the same `kid`.
    verifier.replace_fetched_keys(&set(&SHARED, "new"), NOW).unwrap();
    assert_eq!(verifier.verify(&renewed, NOW), Err(TokenError::Signature));
}

#[test]
fn cached_token_waits_for_a_fetch_when_its_keys_are_old() {
    let claims = with("exp", json!(NOW_S + 86_400));
    let of_fetched = token_of("fetched", &claims, &OCT);
    let of_configured = token_of("oct", &claims, &OCT);
    let mut verifier = verifier();
    verifier.replace_fetched_keys(&set(&OCT, "fetched"), NOW).unwrap();
    let old = NOW.plus(TEN_MINUTES_MS);
    for now in [NOW, old.minus(1)] {
        assert!(verifier.verify(&of_fetched, now).is_ok());
        assert!(verifier.verify(&of_configured, now).is_ok());
    }
    assert!(matches!(verifier.verify(&of_fetched, old), Err(TokenError::UnknownKey { .. })));
    assert!(verifier.verify(&of_configured, old).is_ok(), "configured keys have no age");

    // While the issuer is unavailable, the old keys stay in use.
    verifier.refetch.start(old);
    verifier.refetch.failed(old);
    assert!(verifier.verify(&of_fetched, old).is_ok());
}

#[test]
fn change_of_any_character_of_a_cached_token_is_rejected() {
    for (header, signer) in [
        (r#"{"alg":"HS256"}"#, &SHARED),
        (r#"{"alg":"EdDSA","kid":"ed"}"#, &ED),
        (r#"{"alg":"ES256","kid":"ec"}"#, &*EC),
        (r#"{"alg":"RS256","kid":"rsa"}"#, &*RSA),
    ] {
        let mut verifier = verifier();
        let valid = token(header, valid_claims().to_string(), signer);
        assert!(verifier.verify(&valid, NOW).is_ok());
        for at in 0..valid.len() {
            let changed = with_change(&valid, at);
            assert!(verifier.verify(&changed, NOW).is_err(), "{header}: {at}");
        }
        let (signed, _) = valid.rsplit_once('.').unwrap();
        let mut shorter = valid.clone();
        shorter.pop();
        for changed in [
            format!("{valid}A"),
            format!("{valid}."),
            format!("{valid}="),
            format!("{valid} "),
            format!(".{valid}"),
            format!("{signed}."),
            signed.to_owned(),
            shorter,
        ] {
            assert!(verifier.verify(&changed, NOW).is_err(), "{changed}");
        }
        assert!(verifier.verify(&valid, NOW).is_ok());
    }
}

#[test]
fn two_valid_signatures_of_the_same_claims_are_both_accepted() {
    let mut verifier = verifier();
    // ES256 accepts both `s` and `n - s`.
    let valid = token(r#"{"alg":"ES256","kid":"ec"}"#, valid_claims().to_string(), &EC);
    let (signed, signature) = valid.rsplit_once('.').unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&super::fixtures::decode(signature));
    let (r, s) = signature.unwrap().split_scalars();
    let other = p256::ecdsa::Signature::from_scalars(r, -s).unwrap();
    let other = format!("{signed}.{}", super::fixtures::encode(other.to_bytes()));
    for token in [&valid, &other, &valid, &other, &with_change(&valid, valid.len() - 2)] {
        let expected = verify(token, &keys(), &policy(), NOW);
        assert_eq!(verifier.verify(token, NOW), expected);
    }
}

/// The verification as it is without a cache.
struct Model {
    configured: Keys,
    fetched: Keys,
    refetch: Refetch,
    policy: Policy,
}

impl Model {
    fn verify(&self, token: &str, now: Millis) -> Result<Claims, TokenError> {
        match verify(token, &self.configured, &self.policy, now) {
            Err(TokenError::UnknownKey { .. }) if !self.refetch.should_fetch(now) => {
                verify(token, &self.fetched, &self.policy, now)
            }
            verdict => verdict,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Verify(prop::sample::Index),
    Wait(u64),
    SetClockBack(u64),
    StartFetch,
    FailFetch,
    ReplaceKeys(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any::<prop::sample::Index>().prop_map(Step::Verify),
        2 => select(&[1, 999, 10_000, 59_999, 60_000, 300_000][..]).prop_map(Step::Wait),
        1 => select(&[1, 20_000, 100_000][..]).prop_map(Step::SetClockBack),
        1 => Just(Step::StartFetch),
        1 => Just(Step::FailFetch),
        2 => (0..5_usize).prop_map(Step::ReplaceKeys),
    ]
}

/// Returns valid and invalid tokens of configured and of fetched keys.
fn tokens() -> Vec<String> {
    let mut tokens = Vec::new();
    for exp in [NOW_S, NOW_S + 60, NOW_S + 900] {
        for nbf in [0, NOW_S + 45] {
            let mut claims = with("exp", json!(exp));
            claims["nbf"] = json!(nbf);
            tokens.push(token_with_claims(&claims));
            tokens.push(token_of("oct", &claims, &OCT));
            for kid in ["a", "b"] {
                tokens.push(token_of(kid, &claims, &OCT));
                tokens.push(token_of(kid, &claims, &SHARED));
            }
        }
    }
    let forged: Vec<_> = tokens.iter().map(|valid| with_change(valid, valid.len() - 2)).collect();
    tokens.extend(forged);
    tokens.push(token_with_claims(&with("iss", json!("other"))));
    tokens.push("not a token".into());
    tokens
}

proptest! {
    #[test]
    fn answers_are_those_of_a_verification_without_cache(
        steps in vec(step(), 1..150),
        has_configured in any::<bool>(),
    ) {
        let configured = || if has_configured { keys() } else { Keys::new(Some(SECRET), None).unwrap() };
        let both = json!({ "keys": [OCT.jwk("a"), SHARED.jwk("b")] }).to_string();
        let sets = [set(&OCT, "a"), set(&SHARED, "a"), set(&OCT, "b"), both, "invalid".into()];
        let tokens = tokens();
        let mut verifier = Verifier::new(configured(), policy());
        let mut model = Model {
            configured: configured(),
            fetched: Keys::default(),
            refetch: Refetch::default(),
            policy: policy(),
        };
        let mut now = NOW;
        for step in steps {
            match step {
                Step::Verify(index) => {
                    let token = index.get(&tokens);
                    prop_assert_eq!(verifier.verify(token, now), model.verify(token, now));
                }
                Step::Wait(ms) => now = now.plus(ms),
                Step::SetClockBack(ms) => now = now.minus(ms),
                Step::StartFetch => {
                    verifier.refetch.start(now);
                    model.refetch.start(now);
                }
                Step::FailFetch => {
                    verifier.refetch.failed(now);
                    model.refetch.failed(now);
                }
                Step::ReplaceKeys(index) => {
                    let replaced = verifier.replace_fetched_keys(&sets[index], now);
                    prop_assert_eq!(replaced.map(|_| ()), model.fetched.replace_set(&sets[index]));
                    if model.fetched.replace_set(&sets[index]).is_ok() {
                        model.refetch.succeeded(now);
                    }
                }
            }
        }
    }
}
