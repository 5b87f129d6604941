//! `ALLOWED_ORIGINS`: the origins whose pages may use this service from a
//! browser.

use std::borrow::Cow;

/// The configured origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    listed: Vec<String>,
}

impl Origins {
    /// Parses a list that is separated by commas. An entry is `*`, or an origin
    /// as browsers write it (`https://app.example`). Fails if an entry is an
    /// origin that no browser sends. Otherwise an operator could rely on an
    /// entry that has no effect.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut origins = Self::default();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry {
                "*" => origins.any = true,
                "null" => origins.listed.push(entry.to_owned()),
                _ => {
                    check(entry)?;
                    origins.listed.push(entry.to_owned());
                }
            }
        }
        Ok(origins)
    }

    /// Returns whether a page of this origin may read answers (CORS).
    pub fn allows(&self, origin: &str) -> bool {
        self.any || self.listed.iter().any(|listed| listed == origin)
    }

    /// Returns whether the origin is listed by name. A token in a cookie is
    /// accepted only from an origin that is listed by name. A browser sends a
    /// cookie with the requests of any page, so `*` would allow any page to act
    /// as the user. The origin `null` is never sufficient, since every
    /// sandboxed page has this origin.
    pub fn allows_credentials(&self, origin: &str) -> bool {
        origin != "null" && self.listed.iter().any(|listed| listed == origin)
    }
}

/// Fails if a browser would write this origin differently. The error says how
/// to correct the entry.
fn check(entry: &str) -> Result<(), String> {
    let never = |right: &str| format!("ALLOWED_ORIGINS: `{entry}` can never match; {right}");
    if entry.contains('*') {
        return Err(never("patterns are not supported: list each origin in full, or `*` for all"));
    }
    if !entry.contains("://") {
        return Err(never("a browser sends the scheme too: add `https://` or `http://`"));
    }
    match as_sent(entry) {
        Some(origin) if origin == entry => Ok(()),
        Some(origin) => Err(never(&format!("a browser sends `{origin}`"))),
        None => Err(never("an origin is like `https://app.example`; separate several by commas")),
    }
}

/// Returns the origin of a URL as a browser writes it in `Origin`; `None` if no
/// page can have this origin. The host is converted to lower case only for
/// `http` and `https`. Any other scheme belongs to an app, and its host is not
/// changed (`capacitor://localhost`).
fn as_sent(entry: &str) -> Option<String> {
    let (scheme, rest) = entry.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let (host, port) = host_and_port(rest)?;
    let (host, default_port) = match scheme.as_str() {
        "http" => (Cow::from(host.to_ascii_lowercase()), Some(80)),
        "https" => (host.to_ascii_lowercase().into(), Some(443)),
        // No page is loaded over `ws:` or `wss:`.
        "ws" | "wss" => return None,
        _ => (host.into(), None),
    };
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return None;
    }
    let port = port.filter(|port| Some(*port) != default_port);
    Some(port.map_or(format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")))
}

/// Returns the host and the port of a URL. `rest` is the text after the URL's
/// `://`. Returns `None` if the host is missing or not ASCII, or if the port is
/// not a number.
pub(super) fn host_and_port(rest: &str) -> Option<(&str, Option<u16>)> {
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host.rsplit_once(':') {
        // In an IPv6 address, all colons are inside of brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (host, None),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_host)).then_some((host, port))
}
