//! Tokens against the configured keys, and those of `JWKS_URL`, which are
//! fetched when they are needed.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use worker::{Delay, Fetch, Method, Request, console_error};

use super::config::Config;
use super::platform::now;
use crate::auth::{Claims, Keys, Refetch, TokenError, verify};
use crate::code::{Code, Refusal};

/// An issuer that does not answer must not keep a socket waiting for longer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Fetched {
    keys: Keys,
    refetch: Refetch,
}

thread_local! {
    static FETCHED: RefCell<Fetched> = RefCell::default();
}

/// Whom a token speaks for, as far as that can be said at once. `None` says
/// that [`claims`] has to fetch keys first.
pub fn claims_at_once(config: &Config, token: &str) -> Option<Result<Claims, Refusal>> {
    match check(config, token) {
        Err(TokenError::UnknownKey { .. }) if may_fetch(config) => None,
        checked => Some(checked.map_err(|error| error.refusal())),
    }
}

/// Whom a token speaks for.
pub async fn claims(config: &Rc<Config>, token: &str) -> Result<Claims, Refusal> {
    if let Some(claims) = claims_at_once(config, token) {
        return claims;
    }
    fetch_keys(config).await;
    check(config, token).map_err(|error| {
        let without_keys = FETCHED.with_borrow(|fetched| !fetched.refetch.has_keys());
        match error {
            TokenError::UnknownKey { .. } if without_keys => {
                Refusal::new(Code::Internal, "the keys of the issuer can't be had now; try again")
            }
            error => error.refusal(),
        }
    })
}

/// The configured keys first: a token that names one of them costs nobody a
/// fetch.
fn check(config: &Config, token: &str) -> Result<Claims, TokenError> {
    match verify(token, &config.keys, &config.policy, now()) {
        Err(TokenError::UnknownKey { kid }) if config.jwks_url.is_some() => {
            FETCHED.with_borrow(|fetched| {
                if fetched.refetch.should_fetch(now()) {
                    return Err(TokenError::UnknownKey { kid });
                }
                verify(token, &fetched.keys, &config.policy, now())
            })
        }
        checked => checked,
    }
}

fn may_fetch(config: &Config) -> bool {
    config.jwks_url.is_some() && FETCHED.with_borrow(|fetched| fetched.refetch.may_fetch(now()))
}

async fn fetch_keys(config: &Config) {
    let Some(url) = &config.jwks_url else { return };
    FETCHED.with_borrow_mut(|fetched| fetched.refetch.begins(now()));
    let set = fetch(url).await;
    FETCHED.with_borrow_mut(|fetched| {
        match set.and_then(|set| fetched.keys.replace_set(&set).map_err(|wrong| wrong.to_string()))
        {
            Ok(()) => {
                for passed_over in fetched.keys.passed_over() {
                    console_error!("JWKS_URL: {passed_over}");
                }
                fetched.refetch.succeeded(now());
            }
            Err(cause) => {
                console_error!("JWKS_URL: {cause}");
                fetched.refetch.failed(now());
            }
        }
    });
}

async fn fetch(url: &str) -> Result<String, String> {
    let request = Request::new(url, Method::Get).map_err(|wrong| wrong.to_string())?;
    let text = Box::pin(async move {
        let mut response =
            Fetch::Request(request).send().await.map_err(|cause| cause.to_string())?;
        match response.status_code() {
            200 => response.text().await.map_err(|cause| cause.to_string()),
            status => Err(format!("answered {status}")),
        }
    });
    match select(text, Box::pin(Delay::from(FETCH_TIMEOUT))).await {
        Either::Left((text, _)) => text,
        Either::Right(_) => Err(format!("no answer within {FETCH_TIMEOUT:?}")),
    }
}
