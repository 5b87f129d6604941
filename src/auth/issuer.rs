//! `JWKS_URL`: the address of an issuer's keys.

use super::origins::host_and_port;

/// An address from which keys may be fetched. The scheme must be `https:`,
/// since anyone who can change the keys in transit could sign valid tokens.
/// `http:` is allowed only for an address on the same machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysUrl(String);

impl KeysUrl {
    /// Parses the address. If the address is invalid, returns the reason as a
    /// message for the operator.
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            Err(format!("JWKS_URL must be like `https://issuer.example/jwks.json`: {why}"))
        };
        let Some((scheme, rest)) = url.split_once("://") else {
            return wrong("it has no scheme");
        };
        let Some((host, _)) = host_and_port(rest) else {
            return wrong("its host is missing or not ASCII, or its port is not a number");
        };
        if url.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return wrong("it contains a space or a control character");
        }
        if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            return wrong("a name and a password before the host are not supported");
        }
        match scheme.to_ascii_lowercase().as_str() {
            "https" => Ok(Self(url.to_owned())),
            "http" if is_loopback(host) => Ok(Self(url.to_owned())),
            "http" => wrong(
                "`http:` is allowed for localhost, 127.0.0.1 and [::1] only, since anyone who can \
                 change the keys in transit can sign tokens",
            ),
            _ => wrong("its scheme must be `https:`"),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|loopback| host.eq_ignore_ascii_case(loopback))
}
