//! Extraction of the token from a request.
//!
//! A request can have a token in four places. The first place that is present
//! is used. If this token is invalid, it is rejected, and no other place is
//! tried. A fifth place is outside of the request: the first frame of a
//! WebSocket whose request had no token.

use super::origins::Origins;

/// The parts of a request from which the token is extracted. The values of the
/// headers are not parsed. If a request repeats a header, the platform's
/// `Headers.get` joins the header's values with commas, and the field contains
/// the joined text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenSources<'a> {
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// `Sec-WebSocket-Protocol`.
    pub subprotocols: Option<&'a str>,
    /// The first `token` parameter of the query, percent-decoded. The edge
    /// decodes this parameter together with the rest of the query.
    pub query_token: Option<&'a str>,
    /// `Cookie`.
    pub cookie: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// The origin of the request's own URL.
    pub own_origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
}

/// Returns the unverified token of a request; `None` if the request has no
/// token.
pub fn token<'a>(sources: &TokenSources<'a>, origins: &Origins) -> Option<&'a str> {
    sources
        .authorization
        .and_then(bearer)
        .or_else(|| sources.subprotocols.and_then(subprotocol))
        .or(sources.query_token)
        .or_else(|| sources.cookie.filter(|_| sources.is_trusted(origins)).and_then(cookie))
}

impl TokenSources<'_> {
    /// Returns whether the page that sent the request may use the user's
    /// cookie. The page must be checked, since a browser sends a cookie with
    /// the requests of any page.
    ///
    /// A browser sends `Origin` with every WebSocket, and with every request
    /// except a GET to the page's own origin. With a GET to the page's own
    /// origin, a browser sends `Sec-Fetch-Site: same-origin` instead. Pages
    /// can't set this header. A WebSocket of a page on the service's own origin
    /// is recognized by its `Origin`. The value `same-site` is not sufficient,
    /// because it includes other subdomains, which may belong to someone else.
    /// A client that is not a browser gains nothing by forging these headers.
    /// This client needs the cookie's token anyway, and it could send the token
    /// in a place for which these headers are not checked.
    pub fn is_trusted(&self, origins: &Origins) -> bool {
        match self.origin {
            Some(origin) => self.own_origin == Some(origin) || origins.allows_credentials(origin),
            None => self.fetch_site == Some("same-origin"),
        }
    }
}

/// Returns the credentials if the scheme is `Bearer`, in upper or lower case
/// (RFC 9110, 11.1). A header with another scheme is ignored, since that header
/// is meant for a proxy in front of this service.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Returns the token in the subprotocol `bearer.<jwt>`. A page can't set
/// headers of a WebSocket, but it can offer subprotocols. Unlike a query, a
/// subprotocol does not appear in URLs and logs.
fn subprotocol(offered: &str) -> Option<&str> {
    offered.split(',').find_map(|name| name.trim().strip_prefix("bearer."))
}

/// Returns the value of the first cookie that is named `roomcast_token` (RFC
/// 6265, 4.2.1). Quotes around the value are removed.
fn cookie(cookies: &str) -> Option<&str> {
    let value = cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == "roomcast_token").then_some(value))?;
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Some(unquoted.unwrap_or(value))
}
