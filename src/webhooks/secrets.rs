//! The secrets that sign webhooks: `WEBHOOK_SECRETS`.

use base64ct::{Base64, Encoding};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::time::Millis;

/// One or two secrets. While there are two, each batch has both signatures. So
/// the receivers can change to the new secret at any time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    const PREFIX: &str = "whsec_";

    /// Parses the secrets, which are separated by spaces or commas. Each is
    /// `whsec_` with 24 to 64 bytes in base64. The error is one line for the
    /// operator, and contains no part of a secret.
    pub fn parse(text: &str) -> Result<Self, String> {
        let texts = text.split([' ', ',']).filter(|text| !text.is_empty());
        let secrets: Option<Vec<Vec<u8>>> = texts.map(secret).collect();
        match secrets {
            Some(secrets) if matches!(secrets.len(), 1 | 2) => Ok(Self(secrets)),
            _ => Err("WEBHOOK_SECRETS must be one or two secrets, separated by a space: each is \
                      whsec_ with 24 to 64 random bytes in base64, for example of \
                      `echo whsec_$(openssl rand -base64 32)`"
                .into()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value of the header `webhook-timestamp`: the time in seconds.
    pub fn timestamp(now: Millis) -> u64 {
        now.get().div_euclid(1_000)
    }

    /// Returns the value of the header `webhook-signature`: a signature for each
    /// secret, separated by spaces.
    pub fn sign(&self, id: &str, now: Millis, body: &str) -> String {
        let signed = format!("{id}.{}.{body}", Self::timestamp(now));
        let signatures = self.0.iter().filter_map(|secret| {
            // A key of any length is valid.
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
            mac.update(signed.as_bytes());
            Some(format!("v1,{}", Base64::encode_string(&mac.finalize().into_bytes())))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn secret(text: &str) -> Option<Vec<u8>> {
    let bytes = Base64::decode_vec(text.strip_prefix(Secrets::PREFIX)?).ok()?;
    (24..=64).contains(&bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The example of the library of Standard Webhooks.
    #[test]
    fn signature_is_that_of_standard_webhooks() {
        let secrets = Secrets::parse(SECRET).unwrap();
        let signature = secrets.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            Millis::new(1_614_265_330_000),
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_give_two_signatures() {
        let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let sign = |text: &str| Secrets::parse(text).unwrap().sign("id", Millis::new(1_000), "{}");
        let both = format!("{} {}", sign(SECRET), sign(other));
        assert_eq!(sign(&format!("{SECRET} {other}")), both);
        assert_eq!(sign(&format!("{SECRET}, {other}")), both);
    }

    #[test]
    fn invalid_secrets_are_rejected_without_being_repeated() {
        for text in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_c2hvcnQ=",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
            &[SECRET; 3].join(" "),
            &format!("whsec_{}", Base64::encode_string(&[1; 65])),
        ] {
            let wrong = Secrets::parse(text).unwrap_err();
            assert!(wrong.contains("WEBHOOK_SECRETS"), "{wrong}");
            assert!(text.is_empty() || !wrong.contains(text), "{wrong}");
        }
    }
}
