//! Tokens against the configured keys, and those of `JWKS_URL`, which are
//! fetched when they are needed.

use std::cell::RefCell;
use std::future::pending;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::{Fetch, Method, Request, console_error};

use super::alarm::passes;
use super::config::Config;
use super::platform::now;
use crate::auth::{Claims, Keys, Refetch, TokenError, verify};
use crate::code::{Code, Refusal};

/// An issuer that does not answer must not keep a socket waiting for longer.
const FETCH_TIMEOUT: Duration = Duration::from_millis(Refetch::LASTS_MS);

#[derive(Default)]
struct Fetched {
    keys: Keys,
    refetch: Refetch,
    /// Resolves when the fetch has ended that was begun last.
    ended: Option<Promise>,
}

thread_local! {
    static FETCHED: RefCell<Fetched> = RefCell::default();
}

/// Whom a token speaks for, as far as that can be said at once. `None` says
/// that [`claims`] has to wait for keys first.
pub fn claims_at_once(config: &Config, token: &str) -> Option<Result<Claims, Refusal>> {
    match check(config, token) {
        Err(TokenError::UnknownKey { .. }) if is_worth_waiting(config) => None,
        Err(TokenError::UnknownKey { .. }) if has_yet_to_fetch(config) => {
            let message = "the keys of the issuer can't be had now; try again";
            Some(Err(Refusal::new(Code::Internal, message)))
        }
        checked => Some(checked.map_err(|error| error.refusal())),
    }
}

/// Whom a token speaks for.
pub async fn claims(config: &Config, token: &str) -> Result<Claims, Refusal> {
    loop {
        match claims_at_once(config, token) {
            Some(claims) => return claims,
            None => fetch_keys(config).await,
        }
    }
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

fn is_worth_waiting(config: &Config) -> bool {
    config.jwks_url.is_some()
        && FETCHED.with_borrow(|fetched| fetched.refetch.is_worth_waiting(now()))
}

fn has_yet_to_fetch(config: &Config) -> bool {
    config.jwks_url.is_some() && FETCHED.with_borrow(|fetched| !fetched.refetch.has_keys())
}

/// Of those that need keys at once, one fetches them. A promise is all that may
/// pass from one request to another; and the fetch is lost if its own request
/// is, so nobody waits for it without an end.
async fn fetch_keys(config: &Config) {
    let Some(url) = &config.jwks_url else { return };
    let ended = FETCHED.with_borrow_mut(|fetched| match &fetched.ended {
        Some(ended) if fetched.refetch.is_under_way(now()) => ended.clone(),
        _ => {
            fetched.refetch.begins(now());
            fetched.ended.insert(future_to_promise(replace_keys(url.clone()))).clone()
        }
    });
    let ended = Box::pin(async move {
        // Refused at once if the fetch is lost, however often it is asked.
        if JsFuture::from(ended).await.is_err() {
            pending().await
        }
    });
    select(ended, Box::pin(passes(FETCH_TIMEOUT))).await;
}

async fn replace_keys(url: String) -> Result<JsValue, JsValue> {
    let set = fetch(&url).await;
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
    Ok(JsValue::UNDEFINED)
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
    match select(text, Box::pin(passes(FETCH_TIMEOUT))).await {
        Either::Left((text, _)) => text,
        Either::Right(_) => Err(format!("no answer within {FETCH_TIMEOUT:?}")),
    }
}
