//! Where a request carries its token.
//!
//! Four places, and the first that is present counts, even if what it holds is
//! no token: a bad token never falls back to another. The fifth, a first frame,
//! is not a request's; it is what is left for a WebSocket that shows none.

use super::origins::Origins;

/// What a request shows of itself. Headers are the values as they came, where
/// several of a name are one, joined by commas (`Headers.get` of the platform).
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenSources<'a> {
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// `Sec-WebSocket-Protocol`.
    pub subprotocols: Option<&'a str>,
    /// The query's first `token`, percent-decoded, as the edge has read the
    /// rest of the query too.
    pub query_token: Option<&'a str>,
    /// `Cookie`.
    pub cookie: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
}

/// The token of a request, unverified; `None` if no place has one.
pub fn token<'a>(sources: &TokenSources<'a>, origins: &Origins) -> Option<&'a str> {
    sources
        .authorization
        .and_then(bearer)
        .or_else(|| sources.subprotocols.and_then(subprotocol))
        .or(sources.query_token)
        .or_else(|| sources.cookie.filter(|_| sources.is_trusted(origins)).and_then(cookie))
}

impl TokenSources<'_> {
    /// Whether the requesting page may use the user's cookie, which a browser
    /// attaches for any page.
    ///
    /// A browser sends `Origin` with every WebSocket and every request but a
    /// GET to the page's own origin. With that it sends `Sec-Fetch-Site:
    /// same-origin`, and pages can't set this header. `same-site` does not
    /// count: a subdomain may be somebody else's. Other clients can forge both
    /// headers, but they need the cookie, and could send its token directly.
    fn is_trusted(&self, origins: &Origins) -> bool {
        match self.origin {
            Some(origin) => origins.allows_credentials(origin),
            None => self.fetch_site == Some("same-origin"),
        }
    }
}

/// The credentials of the scheme `Bearer`, in any case (RFC 9110, 11.1).
/// Another scheme counts as absent: it is for somebody before us.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The subprotocol `bearer.<jwt>`: browsers can set no header on a WebSocket,
/// but they can offer subprotocols, which stay out of URLs and logs.
fn subprotocol(offered: &str) -> Option<&str> {
    offered.split(',').find_map(|name| name.trim().strip_prefix("bearer."))
}

/// The cookie `roomcast_token` (RFC 6265, 4.2.1), the first of that name; a
/// value may be in quotes.
fn cookie(cookies: &str) -> Option<&str> {
    let value = cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == "roomcast_token").then_some(value))?;
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Some(unquoted.unwrap_or(value))
}
