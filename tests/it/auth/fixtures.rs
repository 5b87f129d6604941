//! Valid and invalid tokens for the tests. The keys are published in RFCs, so
//! the repository contains no secret. Every run signs the same tokens.

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::Signer as _;
use roomcast::auth::{Claims, Keys, Policy, TokenError, verify};
use roomcast::time::Millis;
use rsa::{BigUint, Pkcs1v15Sign, RsaPrivateKey, traits::PublicKeyParts};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const NOW_S: u64 = 1_795_297_884;
pub const NOW: Millis = Millis::new(NOW_S * 1_000);
pub const SECRET: &str = "a secret of thirty-two bytes, ok";
pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "roomcast";

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

pub fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

/// A key that can sign.
pub enum Signer {
    Hs256(&'static [u8]),
    Rs256(Box<RsaPrivateKey>),
    Es256(p256::ecdsa::SigningKey),
    EdDsa(ed25519_compact::KeyPair),
}

pub static RSA: LazyLock<Signer> = LazyLock::new(|| {
    let prime = |text| BigUint::from_bytes_be(&decode(text));
    let key = RsaPrivateKey::from_p_q(prime(RFC7515_A2_P), prime(RFC7515_A2_Q), 65_537u32.into());
    Signer::Rs256(Box::new(key.unwrap()))
});
pub static EC: LazyLock<Signer> = LazyLock::new(|| {
    let d = decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    Signer::Es256(p256::ecdsa::SigningKey::from_slice(&d).unwrap())
});
pub static ED: LazyLock<Signer> =
    LazyLock::new(|| Signer::ed_dsa(&decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")));
pub const OCT: Signer = Signer::Hs256(b"another secret, for the set's oct key");
pub const SHARED: Signer = Signer::Hs256(SECRET.as_bytes());

/// Primes of the RSA key in RFC 7515, appendix A.2.1.
pub const RFC7515_A2_P: &str = "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc";
const RFC7515_A2_Q: &str = "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc";

impl Signer {
    pub fn ed_dsa(seed: &[u8]) -> Self {
        let seed = ed25519_compact::Seed::from_slice(seed).unwrap();
        Self::EdDsa(ed25519_compact::KeyPair::from_seed(seed))
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Hs256(secret) => hmac(secret, message),
            Self::Rs256(key) => {
                key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message)).unwrap()
            }
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::EdDsa(pair) => pair.sk.sign(message, None).to_vec(),
        }
    }

    /// Returns the public key as a JSON Web Key. For HMAC, returns the secret.
    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Hs256(secret) => json!({ "kid": kid, "kty": "oct", "k": encode(secret) }),
            Self::Rs256(key) => json!({
                "kid": kid, "kty": "RSA", "n": encode(key.n().to_bytes_be()), "e": "AQAB",
            }),
            Self::Es256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                let [x, y] = [point.x().unwrap(), point.y().unwrap()].map(encode);
                json!({ "kid": kid, "kty": "EC", "crv": "P-256", "x": x, "y": y })
            }
            Self::EdDsa(pair) => {
                json!({ "kid": kid, "kty": "OKP", "crv": "Ed25519", "x": encode(*pair.pk) })
            }
        }
    }
}

pub fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

/// Returns a signed token with exactly this header and payload.
pub fn token(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>, signer: &Signer) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = encode(signer.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Returns a token with these claims, signed with the shared secret.
pub fn token_with_claims(claims: &Value) -> String {
    token(r#"{"alg":"HS256"}"#, claims.to_string(), &SHARED)
}

/// Returns the claims of a valid token.
pub fn valid_claims() -> Value {
    json!({
        "sub": "alice", "exp": NOW_S + 60, "iss": ISSUER, "aud": AUDIENCE,
        "rooms": { "shipments:*": ["subscribe"] },
    })
}

/// Returns the valid claims with one of them changed.
pub fn with(claim: &str, value: Value) -> Value {
    let mut claims = valid_claims();
    claims[claim] = value;
    claims
}

pub fn without(claim: &str) -> Value {
    let mut claims = valid_claims();
    claims.as_object_mut().unwrap().remove(claim).unwrap();
    claims
}

/// Returns a key set with one key of each kind, and several unusable keys.
pub fn key_set() -> Value {
    let mut unusable = [
        RSA.jwk("enc"),
        RSA.jwk("weak-rsa"),
        EC.jwk("p384"),
        ED.jwk("x25519"),
        Signer::Hs256(b"short").jwk("weak-oct"),
    ];
    unusable[0]["use"] = json!("enc");
    unusable[1]["n"] = json!(RFC7515_A2_P);
    unusable[2]["crv"] = json!("P-384");
    unusable[3]["crv"] = json!("X25519");
    let [enc, weak_rsa, p384, x25519, weak_oct] = unusable;
    json!({ "keys": [
        enc, weak_rsa, p384, x25519, weak_oct,
        RSA.jwk("rsa"), EC.jwk("ec"), ED.jwk("ed"), OCT.jwk("oct"),
    ]})
}

pub fn keys() -> Keys {
    Keys::new(Some(SECRET), Some(&key_set().to_string())).unwrap()
}

pub fn policy() -> Policy {
    Policy { issuer: Some(ISSUER.into()), audience: Some(AUDIENCE.into()), ..Policy::default() }
}

pub fn check(token: &str) -> Result<Claims, TokenError> {
    check_at(token, NOW)
}

pub fn check_at(token: &str, now: Millis) -> Result<Claims, TokenError> {
    static KEYS: LazyLock<Keys> = LazyLock::new(keys);
    verify(token, &KEYS, &policy(), now)
}
