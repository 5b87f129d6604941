//! Extraction of the token from a request.
//!
//! A request can carry a token in four places. The first place that is present
//! counts, even if its value is not a token. So a bad token is an error: the
//! next places are not tried. There is a fifth place outside the request: the
//! first frame of a WebSocket whose request had no token.

use super::origins::Origins;

/// The parts of a request that determine its token. The headers are unparsed
/// values. Several headers of one name are one value, joined by commas, as
/// `Headers.get` of the platform returns them.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenSources<'a> {
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// `Sec-WebSocket-Protocol`.
    pub subprotocols: Option<&'a str>,
    /// The first `token` of the query, percent-decoded. The edge decodes it
    /// together with the rest of the query.
    pub query_token: Option<&'a str>,
    /// `Cookie`.
    pub cookie: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
}

/// Returns the token of a request, not yet verified; `None` if no place has
/// one.
pub fn token<'a>(sources: &TokenSources<'a>, origins: &Origins) -> Option<&'a str> {
    sources
        .authorization
        .and_then(bearer)
        .or_else(|| sources.subprotocols.and_then(subprotocol))
        .or(sources.query_token)
        .or_else(|| sources.cookie.filter(|_| sources.is_trusted(origins)).and_then(cookie))
}

impl TokenSources<'_> {
    /// Returns whether the requesting page may use the user's cookie, which a
    /// browser sends with the requests of any page.
    ///
    /// A browser sends `Origin` with every WebSocket, and with every request
    /// except a GET to the page's own origin. With such a GET it sends
    /// `Sec-Fetch-Site: same-origin`, and pages can't set this header.
    /// `same-site` does not count: a subdomain may belong to someone else.
    /// Other clients can forge both headers. But they also need the cookie, and
    /// with it they could send its token directly.
    fn is_trusted(&self, origins: &Origins) -> bool {
        match self.origin {
            Some(origin) => origins.allows_credentials(origin),
            None => self.fetch_site == Some("same-origin"),
        }
    }
}

/// Returns the credentials of the scheme `Bearer`, whose name may be in upper
/// or lower case (RFC 9110, 11.1). Another scheme counts as absent: it is meant
/// for a proxy in front of this service.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Returns the token in the subprotocol `bearer.<jwt>`. Browsers can set no
/// header on a WebSocket, but they can offer subprotocols, which do not appear
/// in URLs and logs.
fn subprotocol(offered: &str) -> Option<&str> {
    offered.split(',').find_map(|name| name.trim().strip_prefix("bearer."))
}

/// Returns the value of the first cookie `roomcast_token` (RFC 6265, 4.2.1).
/// The value may be in quotes.
fn cookie(cookies: &str) -> Option<&str> {
    let value = cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == "roomcast_token").then_some(value))?;
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Some(unquoted.unwrap_or(value))
}
