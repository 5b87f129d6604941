//! The keys of the four signature algorithms, and the verification of
//! signatures.
//!
//! Most keys are public keys, which can verify but not sign. An HMAC secret can
//! also sign. `jwt-compact` implements HS256, ES256 and EdDSA. For RS256, this
//! module calls the `rsa` crate in the same way as `jwt-compact` does. The
//! RS256 feature of `jwt-compact` is not used, since this feature requires a
//! second version of `getrandom` for signing.

use std::borrow::Cow;
use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use jwt_compact::alg::{Ed25519, Es256, Hs256, Hs256Key};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm as Verifier, AlgorithmSignature};
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest, Sha256};

/// A signature algorithm, named as in RFC 7518 and RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A key that can verify signatures. The variant determines the algorithm, so a
/// key can't be used with another algorithm.
pub enum Key {
    Hs256(Hs256Key),
    Rs256(RsaPublicKey),
    Es256(<Es256 as Verifier>::VerifyingKey),
    EdDsa(<Ed25519 as Verifier>::VerifyingKey),
}

impl Key {
    /// The minimum length of an HMAC secret: the size of a SHA-256 hash (RFC
    /// 7518, 3.2).
    pub const SECRET_BYTES_MIN: usize = 32;
    /// The allowed sizes of an RSA modulus. RFC 7518, 3.3 requires at least
    /// 2,048 bits. The maximum is the largest size that the `rsa` crate
    /// supports.
    pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=RsaPublicKey::MAX_SIZE;

    /// Creates an HMAC key from a secret. Fails if the secret is shorter than
    /// [`Self::SECRET_BYTES_MIN`].
    pub fn hs256(secret: &[u8]) -> Result<Self, KeyRejection> {
        if secret.len() < Self::SECRET_BYTES_MIN {
            return Err(KeyRejection::ShortSecret);
        }
        Ok(Self::Hs256(Hs256Key::new(secret)))
    }

    /// Creates an RSA key from the modulus and the public exponent, both
    /// big-endian. Fails if the size of the modulus is outside of
    /// [`Self::RSA_BITS`].
    pub fn rs256(n: &[u8], e: &[u8]) -> Result<Self, KeyRejection> {
        let n = BigUint::from_bytes_be(n);
        if !Self::RSA_BITS.contains(&n.bits()) {
            return Err(KeyRejection::RsaSize);
        }
        RsaPublicKey::new(n, BigUint::from_bytes_be(e))
            .map(Self::Rs256)
            .map_err(|_| KeyRejection::Malformed)
    }

    /// Creates an ES256 key from the coordinates of a point. Fails if the point
    /// is not on the curve.
    pub fn es256(x: &[u8], y: &[u8]) -> Result<Self, KeyRejection> {
        let (curve, x, y) = ("P-256".into(), Cow::Borrowed(x), Cow::Borrowed(y));
        let jwk = JsonWebKey::EllipticCurve { curve, x, y, secret: None };
        (&jwk).try_into().map(Self::Es256).map_err(|_| KeyRejection::Malformed)
    }

    /// Creates an Ed25519 key from a compressed point. Fails for a point of
    /// small order: with such a key, one signature would be valid for many
    /// messages.
    pub fn ed_dsa(x: &[u8]) -> Result<Self, KeyRejection> {
        let jwk = JsonWebKey::KeyPair { curve: "Ed25519".into(), x: x.into(), secret: None };
        let key =
            ed25519_compact::PublicKey::try_from(&jwk).map_err(|_| KeyRejection::Malformed)?;
        key.validate().map_err(|_| KeyRejection::Malformed)?;
        Ok(Self::EdDsa(key))
    }

    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::Hs256,
            Self::Rs256(_) => Algorithm::Rs256,
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// Returns whether the signature of the message is valid for this key. An
    /// HMAC is compared in constant time, so that the duration reveals nothing
    /// about the HMAC. The other algorithms verify with public keys, so no
    /// secret can leak.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hs256(key) => verifies(&Hs256, key, message, signature),
            Self::Rs256(key) => {
                let scheme = Pkcs1v15Sign::new::<Sha256>();
                key.verify(scheme, &Sha256::digest(message), signature).is_ok()
            }
            Self::Es256(key) => verifies(&Es256, key, message, signature),
            Self::EdDsa(key) => verifies(&Ed25519, key, message, signature),
        }
    }
}

/// Verifies a signature in the same way as the `Validator` of `jwt-compact`.
/// The `Validator` is not used, since it reads the claims before it verifies
/// the signature. The length is checked first, since `jwt-compact` panics if a
/// signature has the wrong length.
fn verifies<A: Verifier>(
    algorithm: &A,
    key: &A::VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    A::Signature::LENGTH.is_none_or(|length| length.get() == signature.len())
        && A::Signature::try_from_slice(signature)
            .is_ok_and(|signature| algorithm.verify_signature(&signature, key, message))
}

/// Prints the algorithm, but never the key.
impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.algorithm().as_str())
    }
}

/// Decodes base64url (RFC 7515, section 2). Rejects padding, spaces and surplus
/// bits, so that each value has exactly one encoding.
pub fn base64url(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

/// The id of a key (`kid`): 1 to 256 characters without control characters. An
/// id that looks like a file path or a database query is harmless, because ids
/// are only compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kid(String);

impl Kid {
    const CHARS_MAX: usize = 256;

    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.chars().count() <= Self::CHARS_MAX;
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A reason why a key of a set can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRejection {
    NoKid,
    /// An earlier key of the set has the same `kid`.
    SameKid,
    /// `use` or `key_ops` does not allow the key to verify signatures.
    Purpose,
    /// The `kty`, `crv` or `alg` is not supported, or these members contradict
    /// each other.
    Kind,
    RsaSize,
    ShortSecret,
    /// A member of the key is missing, duplicated or malformed.
    Malformed,
}

impl fmt::Display for KeyRejection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoKid => "it needs a `kid` of 1 to 256 characters, without control characters",
            Self::SameKid => "an earlier key of the set has the same `kid`",
            Self::Purpose => "its `use` or `key_ops` does not allow it to verify signatures",
            Self::Kind => {
                "it must be RSA for RS256, EC on P-256 for ES256, OKP on Ed25519 for EdDSA, or oct \
                 for HS256"
            }
            Self::RsaSize => "its RSA modulus must have 2,048 to 4,096 bits",
            Self::ShortSecret => "its secret must have at least 32 bytes",
            Self::Malformed => "one of its members is missing, duplicated or malformed",
        })
    }
}

/// Tests with the examples of the RFCs, copied without changes.
#[cfg(test)]
mod tests {
    use super::*;

    /// The payload of the examples A.1 to A.3 in RFC 7515, appendix A.
    const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    /// Checks that the key accepts this signature, and that it rejects another
    /// message and a changed signature.
    fn signed(key: Key, header: &str, payload: &str, signature: &str) {
        let message = format!("{header}.{payload}");
        let mut signature = base64url(signature).unwrap();
        assert!(key.verifies(message.as_bytes(), &signature));
        assert!(!key.verifies(payload.as_bytes(), &signature));
        *signature.last_mut().unwrap() ^= 1;
        assert!(!key.verifies(message.as_bytes(), &signature));
    }

    #[test]
    fn rfc_7515_a_1_hs256_signature_is_valid() {
        let secret = base64url(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        );
        let key = Key::hs256(&secret.unwrap()).unwrap();
        let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        signed(key, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", JOE, signature);
    }

    #[test]
    fn rfc_7515_a_2_rs256_signature_is_valid() {
        let [p, q] = [
            "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
            "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
        ]
        .map(|prime| BigUint::from_bytes_be(&base64url(prime).unwrap()));
        let key = Key::rs256(&(p * q).to_bytes_be(), &[1, 0, 1]).unwrap();
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        signed(key, "eyJhbGciOiJSUzI1NiJ9", JOE, signature);
    }

    #[test]
    fn rfc_7515_a_3_es256_signature_is_valid() {
        let x = base64url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").unwrap();
        let y = base64url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0").unwrap();
        let key = Key::es256(&x, &y).unwrap();
        let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        signed(key, "eyJhbGciOiJFUzI1NiJ9", JOE, signature);
    }

    #[test]
    fn rfc_8037_a_4_ed_dsa_signature_is_valid() {
        let x = base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let key = Key::ed_dsa(&x).unwrap();
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        signed(key, "eyJhbGciOiJFZERTQSJ9", "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", signature);
    }
}
