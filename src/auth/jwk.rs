//! Conversion of a JSON Web Key (RFC 7517) into a key that can verify
//! signatures.

use serde::Deserialize;

use super::json::{self, present};
use super::key::{Algorithm, Key, KeyRejection, Kid, base64url};

/// The members of a JSON Web Key that this service reads. These members define
/// a public key or an HMAC secret. The private members of a key pair are not
/// read.
#[derive(Deserialize)]
struct Jwk {
    #[serde(default, deserialize_with = "present")]
    kid: Option<String>,
    kty: String,
    #[serde(default, deserialize_with = "present")]
    alg: Option<String>,
    #[serde(default, deserialize_with = "present", rename = "use")]
    usage: Option<String>,
    #[serde(default, deserialize_with = "present")]
    key_ops: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    crv: Option<String>,
    #[serde(default, deserialize_with = "present")]
    x: Option<String>,
    #[serde(default, deserialize_with = "present")]
    y: Option<String>,
    #[serde(default, deserialize_with = "present")]
    n: Option<String>,
    #[serde(default, deserialize_with = "present")]
    e: Option<String>,
    #[serde(default, deserialize_with = "present")]
    k: Option<String>,
}

/// Parses one key of a JSON Web Key Set: an item of the set's `keys`.
pub fn read(json: &str) -> Result<(Kid, Key), KeyRejection> {
    let jwk: Jwk = json::object(json.as_bytes()).ok_or(KeyRejection::Malformed)?;
    let kid = jwk.kid.as_deref().and_then(Kid::parse).ok_or(KeyRejection::NoKid)?;
    if !jwk.may_verify() {
        return Err(KeyRejection::Purpose);
    }
    Ok((kid, jwk.key()?))
}

impl Jwk {
    fn may_verify(&self) -> bool {
        self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"))
    }

    fn key(&self) -> Result<Key, KeyRejection> {
        let algorithm = self.algorithm().ok_or(KeyRejection::Kind)?;
        match algorithm {
            Algorithm::Hs256 => Key::hs256(&bytes(&self.k)?),
            Algorithm::Rs256 => Key::rs256(&bytes(&self.n)?, &bytes(&self.e)?),
            Algorithm::Es256 => Key::es256(&bytes(&self.x)?, &bytes(&self.y)?),
            Algorithm::EdDsa => Key::ed_dsa(&bytes(&self.x)?),
        }
    }

    /// Returns the algorithm that `kty` and `crv` determine. Returns `None` if
    /// this combination is not supported, or if the key's `alg` is a different
    /// algorithm.
    fn algorithm(&self) -> Option<Algorithm> {
        let algorithm = match (self.kty.as_str(), self.crv.as_deref()) {
            ("oct", None) => Algorithm::Hs256,
            ("RSA", None) => Algorithm::Rs256,
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            _ => return None,
        };
        self.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str()).then_some(algorithm)
    }
}

fn bytes(member: &Option<String>) -> Result<Vec<u8>, KeyRejection> {
    member.as_deref().and_then(base64url).ok_or(KeyRejection::Malformed)
}
