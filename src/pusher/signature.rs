//! Signatures of Pusher's protocol: HMAC-SHA256 in hex with the app's secret.

use std::fmt::Write;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::app::App;
use crate::code::{Code, Refusal};

impl App {
    /// Returns the signature of a text.
    pub fn sign(&self, text: &str) -> String {
        // A key of any length is valid.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else {
            return String::new();
        };
        mac.update(text.as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// Returns whether this is the signature of a text. The time does not depend
    /// on where the signatures differ.
    pub(super) fn is_signed(&self, text: &str, signature: &str) -> bool {
        self.sign(text).as_bytes().ct_eq(signature.as_bytes()).into()
    }

    /// Checks the `auth` of a client, `KEY:SIGNATURE`. Fails with `unauthorized`.
    pub(super) fn check_auth(&self, auth: Option<&str>, text: &str) -> Result<(), Refusal> {
        let signature = auth
            .and_then(|auth| auth.strip_prefix(self.key.as_str()))
            .and_then(|auth| auth.strip_prefix(':'));
        if signature.is_some_and(|signature| self.is_signed(text, signature)) {
            return Ok(());
        }
        let message = "the auth signature is invalid; it must be the app's key, a ':', and the \
                       HMAC-SHA256 of the socket id and the channel (or user) in hex";
        Err(Refusal::new(Code::Unauthorized, message))
    }
}

/// Returns bytes as lowercase hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::super::Apps;

    /// The examples of Pusher's documentation of authorization signatures.
    #[test]
    fn signatures_are_those_of_pushers_documentation() {
        let json = r#"[{"id":"3","key":"278d425bdf160c739803","secret":"7ad3773142a6692b25b8"}]"#;
        let apps = Apps::parse(json).unwrap();
        let app = apps.with_id("3").unwrap();
        let private = "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4";
        assert_eq!(app.sign("1234.1234:private-foobar"), private);
        let presence = "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80";
        let data =
            r#"1234.1234:presence-foobar:{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#;
        assert_eq!(app.sign(data), presence);

        let text = "1234.1234:private-foobar";
        let auth = |auth: &str| app.check_auth(Some(auth), text).is_ok();
        assert!(auth(&format!("{}:{private}", app.key)));
        for wrong in [
            private.to_owned(),
            format!("{}{private}", app.key),
            format!("other:{private}"),
            format!("{}:{presence}", app.key),
            format!("{}:{}", app.key, private.to_uppercase()),
            format!("{}:{private}0", app.key),
            format!("{}:{}", app.key, private.get(..62).unwrap()),
            format!("{}:", app.key),
            String::new(),
        ] {
            assert!(!auth(&wrong), "{wrong}");
        }
        assert!(app.check_auth(None, text).is_err());
    }
}
