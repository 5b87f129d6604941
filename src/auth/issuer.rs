//! `JWKS_URL`: the address of an issuer's keys. Also the check of such URLs.

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
        let risk = "anyone who can change the keys in transit can sign tokens";
        match check_url(url, risk) {
            Ok(()) => Ok(Self(url.to_owned())),
            Err(why) => {
                Err(format!("JWKS_URL must be like `https://issuer.example/jwks.json`: {why}"))
            }
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks a URL that the operator configured: its scheme must be `https:`, or
/// `http:` on the same machine. If the URL is invalid, returns the reason. `risk`
/// says why `http:` is not allowed elsewhere.
pub fn check_url(url: &str, risk: &str) -> Result<(), String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err("it has no scheme".into());
    };
    let Some((host, _)) = host_and_port(rest) else {
        return Err("its host is missing or not ASCII, or its port is not a number".into());
    };
    if url.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
        return Err("it contains a space or a control character".into());
    }
    if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        return Err("a name and a password before the host are not supported".into());
    }
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok(()),
        "http" if is_loopback(host) => Ok(()),
        "http" => {
            Err(format!("`http:` is allowed for localhost, 127.0.0.1 and [::1] only, since {risk}"))
        }
        _ => Err("its scheme must be `https:`".into()),
    }
}

fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|loopback| host.eq_ignore_ascii_case(loopback))
}
