//! The sources of a token in a request, in order of precedence.

use roomcast::auth::Origins;
use roomcast::auth::extract::{self, TokenSources};

const APP: &str = "https://app.example";
const COOKIE: Option<&str> = Some("roomcast_token=cookie");

fn from_app<'a>(sources: TokenSources<'a>) -> Option<&'a str> {
    extract::token(&TokenSources { origin: Some(APP), ..sources }, &origins(APP))
}

fn origins(list: &str) -> Origins {
    Origins::parse(list).unwrap()
}

#[test]
fn first_source_that_is_present_is_used() {
    let mut sources = TokenSources {
        authorization: Some("Bearer header"),
        subprotocols: Some("roomcast.v1, bearer.subprotocol"),
        query_token: Some("query"),
        cookie: COOKIE,
        ..TokenSources::default()
    };
    assert_eq!(from_app(sources), Some("header"));
    sources.authorization = Some("Basic dXNlcjpwYXNz");
    assert_eq!(from_app(sources), Some("subprotocol"));
    sources.subprotocols = Some("roomcast.v1");
    assert_eq!(from_app(sources), Some("query"));
    sources.query_token = None;
    assert_eq!(from_app(sources), Some("cookie"));
    sources.cookie = None;
    assert_eq!(from_app(sources), None);
}

#[test]
fn malformed_token_does_not_fall_back_to_next_source() {
    let rest =
        TokenSources { query_token: Some("query"), cookie: COOKIE, ..TokenSources::default() };
    assert_eq!(from_app(TokenSources { authorization: Some("Bearer"), ..rest }), Some(""));
    assert_eq!(
        from_app(TokenSources { authorization: Some("Bearer a, Basic b"), ..rest }),
        Some("a, Basic b")
    );
    assert_eq!(from_app(TokenSources { subprotocols: Some("bearer."), ..rest }), Some(""));
    assert_eq!(from_app(TokenSources { query_token: Some(""), ..rest }), Some(""));
}

#[test]
fn authorization_header_yields_bearer_token() {
    let table = [
        ("Bearer a.b.c", Some("a.b.c")),
        ("bearer a.b.c", Some("a.b.c")),
        ("BEARER  a.b.c", Some("a.b.c")),
        ("Bearer", Some("")),
        ("Bearera.b.c", None),
        ("Basic a.b.c", None),
        ("Bearer:a.b.c", None),
        ("", None),
    ];
    for (header, token) in table {
        let sources = TokenSources { authorization: Some(header), ..TokenSources::default() };
        assert_eq!(from_app(sources), token, "{header}");
    }
}

#[test]
fn subprotocol_list_yields_first_bearer_token() {
    let table = [
        ("roomcast.v1, bearer.a.b.c", Some("a.b.c")),
        ("bearer.a.b.c,roomcast.v1", Some("a.b.c")),
        ("bearer.first, bearer.second", Some("first")),
        ("\tbearer.a ", Some("a")),
        ("Bearer.a", None),
        ("xbearer.a", None),
        ("bearer", None),
        (",,", None),
    ];
    for (offered, token) in table {
        let sources = TokenSources { subprotocols: Some(offered), ..TokenSources::default() };
        assert_eq!(from_app(sources), token, "{offered}");
    }
}

#[test]
fn cookie_header_yields_first_roomcast_token() {
    let table = [
        ("roomcast_token=a.b.c", Some("a.b.c")),
        ("a=1; roomcast_token=a.b.c; b=2", Some("a.b.c")),
        ("a=1;roomcast_token=a.b.c", Some("a.b.c")),
        (r#"roomcast_token="a.b.c""#, Some("a.b.c")),
        (r#"roomcast_token="""#, Some("")),
        (r#"roomcast_token="a"#, Some("\"a")),
        ("roomcast_token=", Some("")),
        ("roomcast_token=first; roomcast_token=second", Some("first")),
        ("roomcast_token=a=b", Some("a=b")),
        ("ROOMCAST_TOKEN=a", None),
        ("xroomcast_token=a", None),
        ("a=roomcast_token=a", None),
        ("roomcast_token", None),
        ("", None),
    ];
    for (cookie, token) in table {
        let sources = TokenSources { cookie: Some(cookie), ..TokenSources::default() };
        assert_eq!(from_app(sources), token, "{cookie}");
    }
}

#[test]
fn cookie_is_accepted_only_from_listed_origin() {
    let table = [
        (Some(APP), APP, true),
        (Some(APP), "https://other.example , https://app.example", true),
        (Some(APP), "*, https://app.example", true),
        (Some(APP), "*", false),
        (Some(APP), "", false),
        (Some("*"), "*", false),
        (Some("null"), "null", false),
        (Some("https://app.example.evil.example"), APP, false),
        (Some("https://app.exampl"), APP, false),
        (Some("http://app.example"), APP, false),
        (Some("https://app.example:8443"), APP, false),
        (Some("https://app.example/"), APP, false),
        (Some("HTTPS://APP.EXAMPLE"), APP, false),
        (Some(""), "", false),
        (None, APP, false),
    ];
    for (origin, allowed, counts) in table {
        let sources = TokenSources { cookie: COOKIE, origin, ..TokenSources::default() };
        let token = extract::token(&sources, &origins(allowed));
        assert_eq!(token.is_some(), counts, "{origin:?} of {allowed}");
    }
}

/// A browser sends no `Origin` with a GET to the page's own origin.
#[test]
fn cookie_without_origin_is_accepted_for_same_origin_fetch() {
    let table = [
        (None, Some("same-origin"), "", true),
        (None, Some("same-origin"), "*", true),
        (None, Some("same-origin"), APP, true),
        (None, Some("same-site"), APP, false),
        (None, Some("cross-site"), APP, false),
        // The user typed the address, so no page sent the request.
        (None, Some("none"), APP, false),
        (None, Some("same-origin, same-origin"), APP, false),
        (None, Some("Same-Origin"), APP, false),
        (None, Some(""), APP, false),
        (None, None, APP, false),
        // If the request has an `Origin`, only the `Origin` decides. WebSocket
        // upgrades are the most important case of this rule.
        (Some("https://evil.example"), Some("same-origin"), APP, false),
        (Some("https://evil.example"), Some("same-origin"), "*", false),
        (Some("null"), Some("same-origin"), "null", false),
        (Some(""), Some("same-origin"), APP, false),
        (Some(APP), Some("cross-site"), APP, true),
    ];
    for (origin, fetch_site, allowed, counts) in table {
        let sources =
            TokenSources { cookie: COOKIE, origin, fetch_site, ..TokenSources::default() };
        let token = extract::token(&sources, &origins(allowed));
        assert_eq!(token.is_some(), counts, "{origin:?}, {fetch_site:?} of {allowed}");
    }
}

#[test]
fn cookie_is_accepted_from_a_page_of_the_own_origin() {
    let own = "https://rt.example.com";
    for (origin, counts) in [
        (own, true),
        ("http://rt.example.com", false),
        ("https://rt.example.com:8443", false),
        ("https://rt.example.com.evil.example", false),
        ("https://evil.rt.example.com", false),
        ("", false),
        ("null", false),
    ] {
        let (origin, own_origin) = (Some(origin), Some(own));
        let sources =
            TokenSources { cookie: COOKIE, origin, own_origin, ..TokenSources::default() };
        assert_eq!(extract::token(&sources, &origins("*")).is_some(), counts, "{origin:?}");
    }
}

#[test]
fn cors_allows_listed_origins_or_any() {
    assert!(origins("*").allows("https://anything.example"));
    assert!(origins(APP).allows(APP));
    assert!(!origins(APP).allows("https://evil.example"));
    assert!(!origins("").allows(""));
    assert!(origins("null").allows("null") && !origins("null").allows_credentials("null"));
}

#[test]
fn origin_in_the_form_that_browsers_send_is_accepted() {
    for origin in [
        "https://app.example",
        "http://localhost:5173",
        "http://127.0.0.1:8",
        "https://app.example:8443",
        "http://app.example:443",
        "https://app.example:80",
        "http://[::1]",
        "http://[::1]:8787",
        "https://xn--bcher-kva.example",
        "https://a_b.example",
        "capacitor://localhost",
        "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
    ] {
        assert!(origins(origin).allows_credentials(origin), "{origin}");
        assert!(origins(&format!(" {origin} ,*,")).allows_credentials(origin), "{origin}");
    }
}

#[test]
fn origin_that_can_never_match_is_an_error_with_a_hint() {
    for (entry, right) in [
        ("https://app.example/", "a browser sends `https://app.example`"),
        ("https://app.example/path?query#hash", "a browser sends `https://app.example`"),
        ("https://App.Example", "a browser sends `https://app.example`"),
        ("HTTPS://app.example", "a browser sends `https://app.example`"),
        ("https://app.example:443", "a browser sends `https://app.example`"),
        ("http://app.example:80/", "a browser sends `http://app.example`"),
        ("https://app.example:0443", "a browser sends `https://app.example`"),
        ("https://me:secret@app.example", "a browser sends `https://app.example`"),
        ("http://[::1]:80", "a browser sends `http://[::1]`"),
        ("app.example", "a browser sends the scheme too"),
        ("localhost:5173", "a browser sends the scheme too"),
        ("capacitor://localhost/", "a browser sends `capacitor://localhost`"),
        ("https://*.app.example", "patterns are not supported"),
        ("*.app.example", "patterns are not supported"),
        ("https://app.example https://b.example", "an origin is like `https://app.example`"),
        ("https://", "an origin is like"),
        ("https:///path", "an origin is like"),
        ("https://app.example:", "an origin is like"),
        ("https://app.example:65536", "an origin is like"),
        ("https://bücher.example", "an origin is like"),
        ("wss://app.example", "an origin is like"),
        ("://app.example", "an origin is like"),
        ("\"https://app.example\"", "an origin is like"),
    ] {
        let list = format!("https://good.example, {entry}");
        let wrong = Origins::parse(&list).unwrap_err();
        assert!(wrong.contains(&format!("`{entry}` can never match")), "{wrong}");
        assert!(wrong.contains(right), "{wrong}");
    }
}
