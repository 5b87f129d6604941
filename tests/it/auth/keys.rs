//! Configured keys, and the errors for invalid keys.

use roomcast::auth::{KeyError, KeyRejection, Keys, KeysUrl, SkippedKey, TokenError, verify};
use serde_json::{Value, json};

use super::fixtures::{
    EC, ED, NOW, OCT, RFC7515_A2_P, RSA, SHARED, Signer, encode, policy, token, valid_claims,
};

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// Returns the key with one member changed.
fn with(mut jwk: Value, member: &str, value: Value) -> Value {
    jwk[member] = value;
    jwk
}

#[test]
fn unusable_key_is_skipped_and_reported() {
    use KeyRejection::{Kind, Malformed, NoKid, Purpose, RsaSize, SameKid, ShortSecret};
    let rsa = || RSA.jwk("k");
    let ec = || EC.jwk("k");
    let ed = || ED.jwk("k");
    let oct = || OCT.jwk("k");
    let coordinate = encode([0; 32]);

    let table: Vec<(&str, Value, KeyRejection)> = vec![
        ("another with the same kid", RSA.jwk("valid"), SameKid),
        ("no kid", with(ec(), "kid", json!("")), NoKid),
        ("a kid with a tab", with(ec(), "kid", json!("a\tb")), NoKid),
        ("a kid that is a number", with(ec(), "kid", json!(1)), Malformed),
        ("for encryption", with(rsa(), "use", json!("enc")), Purpose),
        ("for signing only", with(ec(), "key_ops", json!(["sign"])), Purpose),
        ("for nothing", with(ec(), "key_ops", json!([])), Purpose),
        ("a future kind", json!({ "kid": "k", "kty": "AKP", "alg": "ML-DSA-44", "pub": "" }), Kind),
        ("P-384", with(ec(), "crv", json!("P-384")), Kind),
        ("secp256k1", with(ec(), "crv", json!("secp256k1")), Kind),
        ("X25519", with(ed(), "crv", json!("X25519")), Kind),
        ("Ed25519 as EC", with(ed(), "kty", json!("EC")), Kind),
        ("RSA for another hash", with(rsa(), "alg", json!("RS512")), Kind),
        ("RSA for encryption, by its alg", with(rsa(), "alg", json!("RSA-OAEP")), Kind),
        ("an RSA key with an HMAC alg", with(rsa(), "alg", json!("HS256")), Kind),
        ("a secret with an RSA alg", with(oct(), "alg", json!("RS256")), Kind),
        ("alg none", with(oct(), "alg", json!("none")), Kind),
        ("RSA of 1,024 bits", with(rsa(), "n", json!(RFC7515_A2_P)), RsaSize),
        ("RSA of 8,192 bits", with(rsa(), "n", json!(encode([255; 1_024]))), RsaSize),
        ("RSA of zeros", with(rsa(), "n", json!(encode([0; 256]))), RsaSize),
        ("RSA, exponent 1", with(rsa(), "e", json!("AQ")), Malformed),
        ("RSA, exponent even", with(rsa(), "e", json!("Ag")), Malformed),
        ("RSA, padded", with(rsa(), "e", json!("AQAB=")), Malformed),
        ("a point off the curve", with(ec(), "x", json!(coordinate)), Malformed),
        ("a short coordinate", with(ec(), "y", json!(encode([1; 31]))), Malformed),
        ("Ed25519 of small order", with(ed(), "x", json!(coordinate)), Malformed),
        ("Ed25519, short", with(ed(), "x", json!(encode([1; 31]))), Malformed),
        ("a short secret", Signer::Hs256(&[7; 31]).jwk("k"), ShortSecret),
        ("no key in it", json!({ "kid": "k", "kty": "oct" }), Malformed),
        ("null", Value::Null, Malformed),
        ("a list", json!(["oct"]), Malformed),
    ];
    for (name, jwk, why) in table {
        let keys = Keys::new(None, Some(&set(&[EC.jwk("valid"), jwk]))).unwrap();
        assert_eq!(keys.skipped(), [SkippedKey { position: 2, why }], "{name}");
    }
}

#[test]
fn extra_key_members_are_ignored() {
    let usable = [
        with(RSA.jwk("k"), "alg", json!("RS256")),
        with(EC.jwk("k"), "use", json!("sig")),
        with(ED.jwk("k"), "key_ops", json!(["sign", "verify"])),
        with(OCT.jwk("k"), "x5c", json!(["anything"])),
        with(EC.jwk("k"), "kid", json!("../../etc/passwd")),
    ];
    for jwk in usable {
        let keys = Keys::new(None, Some(&set(std::slice::from_ref(&jwk)))).unwrap();
        assert!(keys.skipped().is_empty(), "{jwk}");
    }
}

#[test]
fn first_of_two_keys_with_same_kid_is_used() {
    let keys = Keys::new(None, Some(&set(&[ED.jwk("k"), OCT.jwk("k")]))).unwrap();
    let verdict = |alg: &str, signer: &Signer| {
        let header = json!({ "alg": alg, "kid": "k" }).to_string();
        verify(&token(header, valid_claims().to_string(), signer), &keys, &policy(), NOW)
    };
    assert!(verdict("EdDSA", &ED).is_ok());
    assert!(matches!(verdict("HS256", &OCT), Err(TokenError::Algorithm { .. })));
}

#[test]
fn configuration_error_is_one_line_without_the_secret() {
    let no_use = |why| KeyError::NoUsableKey { first: Some(SkippedKey { position: 1, why }) };
    let table = [
        (Some("a secret of thirty-one bytes, no"), None, None),
        (Some("a secret of thirty one bytes no"), None, Some(KeyError::ShortSecret)),
        (Some(""), None, Some(KeyError::ShortSecret)),
        (None, Some(String::new()), Some(KeyError::NotASet)),
        (None, Some("https://issuer.example/keys".into()), Some(KeyError::NotASet)),
        (None, Some("[]".into()), Some(KeyError::NotASet)),
        (None, Some(r#"{"keys":{}}"#.into()), Some(KeyError::NotASet)),
        (None, Some(r#"{"keys":[],"keys":[]}"#.into()), Some(KeyError::NotASet)),
        (None, Some(EC.jwk("k").to_string()), Some(KeyError::NotASet)),
        (None, Some(set(&[])), Some(KeyError::NoUsableKey { first: None })),
        (None, Some(set(&[json!({})])), Some(no_use(KeyRejection::Malformed))),
        (None, Some(" ".repeat(256 * 1_024 + 1)), Some(KeyError::LongSet)),
    ];
    for (secret, set, error) in table {
        assert_eq!(Keys::new(secret, set.as_deref()).err(), error, "{secret:?} {set:?}");
        let line = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(!line.contains('\n') && !line.contains("thirty"), "{line}");
    }
}

#[test]
fn invalid_key_set_does_not_replace_the_last_one() {
    let mut keys = Keys::default();
    assert!(keys.is_empty());
    keys.replace_set(&set(&[EC.jwk("ec")])).unwrap();
    assert_eq!(keys.replace_set("<html>503</html>"), Err(KeyError::NotASet));
    assert_eq!(keys.replace_set(&set(&[])), Err(KeyError::NoUsableKey { first: None }));

    let by_ec = token(r#"{"alg":"ES256","kid":"ec"}"#, valid_claims().to_string(), &EC);
    assert!(verify(&by_ec, &keys, &policy(), NOW).is_ok());
    keys.replace_set(&set(&[ED.jwk("ed")])).unwrap();
    assert!(matches!(
        verify(&by_ec, &keys, &policy(), NOW),
        Err(TokenError::UnknownKey { kid }) if kid.as_str() == "ec"
    ));
}

#[test]
fn token_without_kid_is_verified_with_the_shared_secret_only() {
    let by_secret = token(r#"{"alg":"HS256"}"#, valid_claims().to_string(), &SHARED);
    let keys = Keys::new(None, Some(&set(&[SHARED.jwk("k")]))).unwrap();
    assert_eq!(verify(&by_secret, &keys, &policy(), NOW), Err(TokenError::NoKid));
    assert_eq!(verify(&by_secret, &Keys::default(), &policy(), NOW), Err(TokenError::NoKid));
}

#[test]
fn secret_or_set_alone_provides_keys() {
    let set = set(&[EC.jwk("k")]);
    let secret = Some("a secret of thirty-two bytes, ok");
    assert!(Keys::default().is_empty());
    assert!(!Keys::new(secret, None).unwrap().is_empty());
    assert!(!Keys::new(None, Some(&set)).unwrap().is_empty());
}

#[test]
fn key_set_beyond_its_limit_is_rejected() {
    let set = set(&[EC.jwk("k")]);
    let padded = |bytes: usize| format!("{set}{}", " ".repeat(bytes - set.len()));
    assert!(Keys::new(None, Some(&padded(256 * 1_024))).is_ok());
    let longer = Keys::new(None, Some(&padded(256 * 1_024 + 1)));
    assert_eq!(longer.unwrap_err(), KeyError::LongSet);
}

#[test]
fn key_errors_name_their_cause() {
    let first = SkippedKey { position: 2, why: KeyRejection::NoKid };
    for (wrong, message) in [
        (KeyError::ShortSecret, "JWT_SECRET must have at least 32 bytes"),
        (KeyError::LongSet, "longer than 262144 bytes"),
        (KeyError::NotASet, r#"like {"keys":[…]}"#),
        (KeyError::NoUsableKey { first: None }, "has no keys"),
        (KeyError::NoUsableKey { first: Some(first) }, "key 2 of the set is skipped"),
    ] {
        assert!(wrong.to_string().contains(message), "{wrong}");
    }
    assert!(first.to_string().ends_with(&KeyRejection::NoKid.to_string()), "{first}");
    assert!(!KeyRejection::NoKid.to_string().is_empty());
}

#[test]
fn keys_url_must_be_https_or_localhost() {
    for url in [
        "https://issuer.example/.well-known/jwks.json",
        "HTTPS://issuer.example:8443?keys#all",
        "https://issuer.example/a@b",
        "http://localhost:8080/keys.json",
        "http://127.0.0.1/keys.json",
        "http://[::1]:8080/keys.json",
    ] {
        assert_eq!(
            KeysUrl::parse(url).map(|parsed| parsed.as_str().to_owned()),
            Ok(url.to_owned())
        );
    }
    for (url, why) in [
        ("issuer.example/jwks.json", "it has no scheme"),
        ("{\"keys\":[]}", "it has no scheme"),
        ("https://", "its host"),
        ("https:///jwks.json", "its host"),
        ("https://issuer.example:http/", "its port is not a number"),
        ("https://bücher.example/", "not ASCII"),
        ("https://issuer.example\\@evil.example/", "a name and a password"),
        ("https://issuer.example\\evil.example/", "its host"),
        ("https://issuer.example/a b", "a space"),
        ("https://issuer.example/\n", "a control character"),
        ("https://me:secret@issuer.example/", "a name and a password"),
        ("http://issuer.example/jwks.json", "`http:` is allowed for localhost"),
        ("http://localhost.evil.example/", "`http:` is allowed for localhost"),
        ("http://127.0.0.1.evil.example/", "`http:` is allowed for localhost"),
        ("http://localhost@evil.example/", "a name and a password"),
        ("http://10.0.0.1/", "`http:` is allowed for localhost"),
        ("file:///keys.json", "its host"),
        ("ftp://issuer.example/", "its scheme must be `https:`"),
    ] {
        let wrong = KeysUrl::parse(url).unwrap_err();
        assert!(wrong.contains(why), "{url}: {wrong}");
        assert!(wrong.starts_with("JWKS_URL must be like `https://"), "{wrong}");
        assert!(!wrong.contains("secret"), "{wrong}");
    }
}
