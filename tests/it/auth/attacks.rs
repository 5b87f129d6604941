//! Tests of all known attacks on token verification. Each row of a table has
//! the name of an attack, its token, and the expected error.

use roomcast::auth::{Algorithm, Kid, TokenError};
use roomcast::code::Code;
use serde_json::{Value, json};

use super::fixtures::{
    AUDIENCE, EC, ED, ISSUER, NOW_S, OCT, RSA, SECRET, SHARED, Signer, check, decode, encode, hmac,
    token, token_with_claims, valid_claims, with, without,
};

type Row = (&'static str, String, TokenError);

/// Checks that each token of a table is rejected with the error in its row. The
/// refusal must fit into a Close frame, and must contain no part of the token.
fn check_all_rejected(table: Vec<Row>) {
    for (name, token, error) in table {
        assert_eq!(check(&token), Err(error.clone()), "{name}");

        let refusal = error.refusal();
        let code = match error {
            TokenError::Expired => Code::TokenExpired,
            _ => Code::Unauthorized,
        };
        assert_eq!(refusal.code, code, "{name}");
        assert!(refusal.message.contains("token"), "{name}: {}", refusal.message);
        // The reason in a Close frame is limited to 123 bytes.
        assert!(refusal.message.len() <= 123, "{name}: {}", refusal.message);
        let parts = token.split('.').filter(|part| part.len() > 8);
        assert!(parts.into_iter().all(|part| !refusal.message.contains(part)), "{name}");
    }
}

fn signed(header: impl AsRef<[u8]>, signer: &Signer) -> String {
    token(header, valid_claims().to_string(), signer)
}

fn valid_token() -> String {
    token_with_claims(&valid_claims())
}

/// Returns the valid token with this signature in place of its own.
fn resigned(signature: &str) -> String {
    format!("{}.{signature}", valid_token().rsplit_once('.').unwrap().0)
}

/// Returns a token with this header, the valid claims, and this signature.
fn with_signature(header: &str, signature: &[u8]) -> String {
    format!("{}.{}.{}", encode(header), encode(valid_claims().to_string()), encode(signature))
}

fn unknown(kid: &str) -> TokenError {
    TokenError::UnknownKey { kid: Kid::parse(kid).unwrap() }
}

#[test]
fn unmodified_token_is_accepted() {
    assert!(check(&valid_token()).is_ok());
}

#[test]
fn malformed_token_is_rejected() {
    use TokenError::{Malformed, TooLong};
    let valid = valid_token();
    let signature = valid.rsplit_once('.').unwrap().1;
    // The alternative signature decodes to the same 32 bytes, because only an
    // unused bit of the base64 text differs.
    let mut alternative = signature.to_owned();
    let last = alternative.pop().unwrap();
    alternative.push(char::from_u32(u32::from(last) + 1).unwrap());
    let long = token_with_claims(&with("sub", json!("a".repeat(8_192))));

    check_all_rejected(vec![
        ("nothing", String::new(), Malformed),
        ("dots", "..".into(), TokenError::Header),
        ("one part", "eyJhbGciOiJIUzI1NiJ9".into(), Malformed),
        ("two parts", valid.rsplit_once('.').unwrap().0.into(), Malformed),
        ("four parts", format!("{valid}.{signature}"), Malformed),
        ("five parts, like an encrypted token", format!("{valid}.a.b"), Malformed),
        ("padding", format!("{valid}="), Malformed),
        ("base64 instead of base64url", resigned("+/+/"), Malformed),
        ("a leading space", format!(" {valid}"), Malformed),
        ("a trailing line break", format!("{valid}\n"), Malformed),
        ("a NUL", valid.replace('.', ".\0"), Malformed),
        ("a character outside ASCII", valid.replace('.', "．"), Malformed),
        ("a second way to write the signature", resigned(&alternative), Malformed),
        ("a leading `Bearer`", format!("Bearer {valid}"), Malformed),
        ("too long, though signed", long, TooLong),
    ]);
}

#[test]
fn token_with_invalid_header_is_rejected() {
    use TokenError::{ContentType, Critical, Header};
    let header = |header: &str| signed(header, &SHARED);
    let with_kid = |kid: Value| header(&json!({ "alg": "HS256", "kid": kid }).to_string());

    check_all_rejected(vec![
        ("not JSON", header("HS256"), Header),
        ("a list", header(r#"["HS256"]"#), Header),
        ("trailing text", header(r#"{"alg":"HS256"}{}"#), Header),
        ("a byte order mark", header("\u{feff}{\"alg\":\"HS256\"}"), Header),
        ("not UTF-8", signed(b"{\"alg\":\"HS256\",\"a\":\"\xff\"}", &SHARED), Header),
        ("nested too deeply", header(&"{\"alg\":".repeat(500)), Header),
        ("no alg", header("{}"), Header),
        ("alg: null", header(r#"{"alg":null}"#), Header),
        ("alg a number", header(r#"{"alg":256}"#), Header),
        ("alg a list", header(r#"{"alg":["HS256"]}"#), Header),
        ("alg twice", header(r#"{"alg":"none","alg":"HS256"}"#), Header),
        ("alg twice, once escaped", header(r#"{"\u0061lg":"none","alg":"HS256"}"#), Header),
        ("kid twice", header(r#"{"alg":"HS256","kid":"oct","kid":"rsa"}"#), Header),
        ("kid: null", with_kid(Value::Null), Header),
        ("kid a number", with_kid(json!(1)), Header),
        ("kid a list", with_kid(json!(["oct"])), Header),
        ("kid empty", with_kid(json!("")), Header),
        ("kid too long", with_kid(json!("k".repeat(257))), Header),
        ("kid with a line break", with_kid(json!("oct\r\nx: y")), Header),
        ("kid with a NUL", with_kid(json!("oct\0")), Header),
        (
            "kid twice, once escaped",
            header(r#"{"alg":"HS256","kid":"oct","k\u0069d":"rsa"}"#),
            Header,
        ),
        ("typ a list", header(r#"{"alg":"HS256","typ":["JWT"]}"#), Header),
        ("a token in the token", header(r#"{"alg":"HS256","cty":"JWT"}"#), ContentType),
        ("claims as CBOR", header(r#"{"alg":"HS256","cty":"cbor"}"#), ContentType),
        ("crit", header(r#"{"alg":"HS256","crit":["exp"]}"#), Critical),
        ("crit empty", header(r#"{"alg":"HS256","crit":[]}"#), Critical),
        ("crit: null", header(r#"{"alg":"HS256","crit":null}"#), Critical),
        ("an unencoded payload", header(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#), Critical),
    ]);
}

#[test]
fn token_with_wrong_algorithm_is_rejected() {
    let wrong = |expected| TokenError::Algorithm { expected };
    use Algorithm::{EdDsa, Es256, Hs256, Rs256};
    let unsigned = |header: &str| with_signature(header, b"");
    let alg = |alg: &str| signed(json!({ "alg": alg }).to_string(), &SHARED);
    // A well-known attack signs with HMAC and uses a public key as the secret.
    let by_public = |kid: &str, public: &[u8]| {
        let header = json!({ "alg": "HS256", "kid": kid }).to_string();
        let signed = format!("{}.{}", encode(header), encode(valid_claims().to_string()));
        format!("{signed}.{}", encode(hmac(public, signed.as_bytes())))
    };
    let jwk = RSA.jwk("rsa");
    let modulus = decode(jwk["n"].as_str().unwrap());
    let point = decode(ED.jwk("ed")["x"].as_str().unwrap());

    check_all_rejected(vec![
        ("none", unsigned(r#"{"alg":"none"}"#), wrong(Hs256)),
        ("nOnE", unsigned(r#"{"alg":"nOnE"}"#), wrong(Hs256)),
        ("none, for a key", unsigned(r#"{"alg":"none","kid":"rsa"}"#), wrong(Rs256)),
        ("none, but signed", alg("none"), wrong(Hs256)),
        ("no name", alg(""), wrong(Hs256)),
        ("in lower case", alg("hs256"), wrong(Hs256)),
        ("with a space", alg("HS256 "), wrong(Hs256)),
        ("a longer hash", alg("HS512"), wrong(Hs256)),
        ("HMAC with an RSA key's text", by_public("rsa", jwk.to_string().as_bytes()), wrong(Rs256)),
        ("HMAC with an RSA key's modulus", by_public("rsa", &modulus), wrong(Rs256)),
        ("HMAC with an Ed25519 key", by_public("ed", &point), wrong(EdDsa)),
        ("HMAC with nothing, for an EC key", by_public("ec", b""), wrong(Es256)),
        ("ES256 for an RSA key", signed(r#"{"alg":"ES256","kid":"rsa"}"#, &EC), wrong(Rs256)),
        ("RS256 for an EC key", signed(r#"{"alg":"RS256","kid":"ec"}"#, &RSA), wrong(Es256)),
        ("RS256 for a secret", signed(r#"{"alg":"RS256","kid":"oct"}"#, &RSA), wrong(Hs256)),
        ("RS256 without a kid", signed(r#"{"alg":"RS256"}"#, &RSA), wrong(Hs256)),
        ("another RSA scheme", signed(r#"{"alg":"PS256","kid":"rsa"}"#, &RSA), wrong(Rs256)),
        ("another RSA hash", signed(r#"{"alg":"RS512","kid":"rsa"}"#, &RSA), wrong(Rs256)),
    ]);
}

#[test]
fn token_with_wrong_signature_is_rejected() {
    use TokenError::Signature;
    const RS: &str = r#"{"alg":"RS256","kid":"rsa"}"#;
    const ES: &str = r#"{"alg":"ES256","kid":"ec"}"#;
    const ED_DSA: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;
    let other_ec = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let rs_signature = decode(signed(RS, &RSA).rsplit_once('.').unwrap().1);
    let es_signature = decode(signed(ES, &EC).rsplit_once('.').unwrap().1);
    let der = p256::ecdsa::Signature::from_slice(&es_signature).unwrap().to_der();
    let mac = decode(valid_token().rsplit_once('.').unwrap().1);
    let embedded = json!({ "alg": "HS256", "jwk": OCT.jwk("x"), "jku": "https://evil.example" });
    let widened = with("rooms", json!({ "*": ["admin"] })).to_string();
    let mut parts: Vec<String> = valid_token().split('.').map(str::to_owned).collect();
    parts[1] = encode(widened);
    let flipped_mac = {
        let mut mac = mac.clone();
        mac[31] ^= 1;
        mac
    };

    check_all_rejected(vec![
        ("none at all", resigned(""), Signature),
        ("claims changed after signing", parts.join("."), Signature),
        ("one bit", resigned(&encode(flipped_mac)), Signature),
        ("half of it", resigned(&encode(&mac[..16])), Signature),
        ("twice the signature", resigned(&encode([mac.clone(), mac].concat())), Signature),
        ("an empty secret", signed(r#"{"alg":"HS256"}"#, &Signer::Hs256(b"")), Signature),
        ("the secret of a kid, without the kid", signed(r#"{"alg":"HS256"}"#, &OCT), Signature),
        ("the kid of another secret", signed(r#"{"alg":"HS256","kid":"oct"}"#, &SHARED), Signature),
        ("a key inside the token", signed(embedded.to_string(), &OCT), Signature),
        ("RSA: nothing", with_signature(RS, b""), Signature),
        ("RSA: zero", with_signature(RS, &[0; 256]), Signature),
        ("RSA: one", with_signature(RS, &[&[0; 255][..], &[1]].concat()), Signature),
        ("RSA: more than the modulus", with_signature(RS, &[0xff; 256]), Signature),
        ("RSA: a leading zero", with_signature(RS, &[&[0], &rs_signature[..]].concat()), Signature),
        (
            "RSA: the signature of another token",
            with_signature(RS, &RSA.sign(b"another")),
            Signature,
        ),
        ("EC: nothing", with_signature(ES, b""), Signature),
        ("EC: zeros, which some libraries accepted", with_signature(ES, &[0; 64]), Signature),
        ("EC: as DER", with_signature(ES, der.as_bytes()), Signature),
        ("EC: another key of the curve", signed(ES, &Signer::Es256(other_ec)), Signature),
        ("Ed25519: nothing", with_signature(ED_DSA, b""), Signature),
        ("Ed25519: zeros", with_signature(ED_DSA, &[0; 64]), Signature),
        ("Ed25519: another key", signed(ED_DSA, &Signer::ed_dsa(&[7; 32])), Signature),
    ]);
}

#[test]
fn token_with_unusable_key_id_is_rejected() {
    let kid = |alg: &str, kid: &str, signer: &Signer| {
        signed(json!({ "alg": alg, "kid": kid }).to_string(), signer)
    };
    const PATH: &str = "../../../../dev/null";
    const QUERY: &str = "x' UNION SELECT 'secret' --";
    check_all_rejected(vec![
        ("unknown", kid("RS256", "new", &RSA), unknown("new")),
        ("unknown, by the shared secret", kid("HS256", "new", &SHARED), unknown("new")),
        ("a path", kid("HS256", PATH, &Signer::Hs256(b"")), unknown(PATH)),
        ("a query", kid("HS256", QUERY, &Signer::Hs256(b"secret")), unknown(QUERY)),
        ("in another case", kid("RS256", "RSA", &RSA), unknown("RSA")),
        ("with a space", kid("RS256", "rsa ", &RSA), unknown("rsa ")),
        ("a key for encryption", kid("RS256", "enc", &RSA), unknown("enc")),
        ("an RSA key of 1,024 bits", kid("RS256", "weak-rsa", &RSA), unknown("weak-rsa")),
        ("a key of the wrong curve", kid("ES256", "p384", &EC), unknown("p384")),
        ("a key for key agreement", kid("EdDSA", "x25519", &ED), unknown("x25519")),
        (
            "a guessable secret",
            kid("HS256", "weak-oct", &Signer::Hs256(b"short")),
            unknown("weak-oct"),
        ),
    ]);
}

#[test]
fn token_with_invalid_sub_iss_or_aud_is_rejected() {
    use TokenError::{Audience, Issuer, NoClaims, Subject};
    let payload = |text: &str| token(r#"{"alg":"HS256"}"#, text, &SHARED);
    let twice = |member: &str| {
        let claims = valid_claims().to_string();
        payload(&format!("{},{member}}}", claims.strip_suffix('}').unwrap()))
    };
    check_all_rejected(vec![
        ("no claims", payload(""), NoClaims),
        ("claims in a list", payload(r#"["alice",9999999999]"#), NoClaims),
        ("trailing text", payload(&format!("{} 1", valid_claims())), NoClaims),
        ("sub twice", twice(r#""sub":"bob""#), NoClaims),
        ("exp twice", twice(r#""exp":9999999999"#), NoClaims),
        ("rooms twice", twice(r#""rooms":{"*":["admin"]}"#), NoClaims),
        ("no sub", token_with_claims(&without("sub")), Subject),
        ("sub: null", token_with_claims(&with("sub", Value::Null)), Subject),
        ("sub a number", token_with_claims(&with("sub", json!(1))), Subject),
        ("sub empty", token_with_claims(&with("sub", json!(""))), Subject),
        ("sub too long", token_with_claims(&with("sub", json!("é".repeat(129)))), Subject),
        ("sub with a lone surrogate", payload(r#"{"sub":"\ud800","exp":9999999999}"#), Subject),
        ("no iss", token_with_claims(&without("iss")), Issuer),
        ("another iss", token_with_claims(&with("iss", json!("https://evil.example"))), Issuer),
        (
            "iss with a trailing slash",
            token_with_claims(&with("iss", json!(format!("{ISSUER}/")))),
            Issuer,
        ),
        ("iss in a list", token_with_claims(&with("iss", json!([ISSUER]))), Issuer),
        ("no aud", token_with_claims(&without("aud")), Audience),
        ("another aud", token_with_claims(&with("aud", json!("billing"))), Audience),
        (
            "aud of other services",
            token_with_claims(&with("aud", json!(["billing", "roomcast2"]))),
            Audience,
        ),
        ("aud an empty list", token_with_claims(&with("aud", json!([]))), Audience),
        ("aud with a number", token_with_claims(&with("aud", json!([AUDIENCE, 1]))), Audience),
        ("aud an object", token_with_claims(&with("aud", json!({ "roomcast": true }))), Audience),
    ]);
}

#[test]
fn token_with_invalid_or_past_times_is_rejected() {
    use TokenError::{Expired, Expiry, IssuedAt, Issuer, NotBefore, NotYetValid, Signature};
    let exp = |value: Value| token_with_claims(&with("exp", value));
    let raw = |exp: &str| {
        token(r#"{"alg":"HS256"}"#, format!(r#"{{"sub":"alice","exp":{exp}}}"#), &SHARED)
    };
    let long_ago = with("exp", json!(1_300_819_380));
    let mut of_another = long_ago.clone();
    of_another["iss"] = json!("https://evil.example");

    check_all_rejected(vec![
        ("no exp", token_with_claims(&without("exp")), Expiry),
        ("exp: null", exp(Value::Null), Expiry),
        ("exp a string", exp(json!("9999999999")), Expiry),
        ("exp negative", exp(json!(-1)), Expiry),
        ("exp slightly negative", exp(json!(-0.5)), Expiry),
        ("exp in the year 262143", exp(json!(8_210_266_876_800_u64)), Expiry),
        ("exp in that year, as a float", exp(json!(8_210_266_876_800.0)), Expiry),
        ("exp 2^53", exp(json!(1u64 << 53)), Expiry),
        ("exp 2^63", exp(json!(1u64 << 63)), Expiry),
        ("exp 2^64", raw("18446744073709551616"), Expiry),
        ("exp beyond a float", raw("1e400"), Expiry),
        ("exp not a number", raw("NaN"), TokenError::NoClaims),
        ("exp long ago", token_with_claims(&long_ago), Expired),
        ("exp 0", exp(json!(0)), Expired),
        (
            "exp in milliseconds, as nbf",
            token_with_claims(&with("nbf", json!(NOW_S * 1_000))),
            NotYetValid,
        ),
        ("nbf: null", token_with_claims(&with("nbf", Value::Null)), NotBefore),
        ("nbf a string", token_with_claims(&with("nbf", json!("0"))), NotBefore),
        ("nbf negative", token_with_claims(&with("nbf", json!(-1))), NotBefore),
        (
            "nbf in the year 262143",
            token_with_claims(&with("nbf", json!(8_210_266_876_800_u64))),
            NotBefore,
        ),
        (
            "iat in the year 262143",
            token_with_claims(&with("iat", json!(8_210_266_876_800_u64))),
            IssuedAt,
        ),
        ("iat negative", token_with_claims(&with("iat", json!(-1))), IssuedAt),
        ("iat a date", token_with_claims(&with("iat", json!("2026-11-21"))), IssuedAt),
        // The tokens below have expired and have a second error. The second
        // error is reported, because a token that expires later would still
        // have this error.
        ("expired, and of another issuer", token_with_claims(&of_another), Issuer),
        (
            "expired, and forged",
            token(r#"{"alg":"HS256"}"#, long_ago.to_string(), &Signer::Hs256(b"")),
            Signature,
        ),
    ]);
}

#[test]
fn token_with_invalid_rooms_is_rejected() {
    let rooms = |value: Value| token_with_claims(&with("rooms", value));
    let twice = valid_claims()
        .to_string()
        .replace(r#"{"shipments:*":["subscribe"]}"#, r#"{"a":["admin"],"a":[]}"#);
    let twice = token(r#"{"alg":"HS256"}"#, twice, &SHARED);
    check_all_rejected(
        [
            ("rooms: null", rooms(Value::Null)),
            ("rooms a string", rooms(json!("*"))),
            ("rooms a list", rooms(json!(["*"]))),
            ("rooms a list of pairs", rooms(json!([["*", ["admin"]]]))),
            ("a right, not in a list", rooms(json!({ "*": "admin" }))),
            ("rights as an object", rooms(json!({ "*": { "admin": true } }))),
            ("rights: null", rooms(json!({ "*": null }))),
            ("a right that is a number", rooms(json!({ "*": ["subscribe", 8] }))),
            ("a wrong type under an invalid pattern", rooms(json!({ "a*b": "admin" }))),
            ("a pattern twice", twice),
        ]
        .map(|(name, token)| (name, token, TokenError::Rooms))
        .into(),
    );
}

#[test]
fn debug_output_of_keys_contains_no_secret() {
    let keys = super::fixtures::keys();
    let shown = format!("{keys:?}");
    assert!(!shown.contains(SECRET) && !shown.contains("another secret"), "{shown}");
    assert!(shown.contains("RS256"), "{shown}");
}
