//! Verification of tokens with the configured keys and with the keys from
//! `JWKS_URL`. The keys from `JWKS_URL` are fetched when they are needed.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::web_sys::{AbortController, Request, RequestInit, RequestRedirect, Response};

use super::config::Config;
use super::hooks::Authentication;
use super::log;
use super::platform::{self, now};
use super::request::read;
use super::timer::sleep;
use crate::auth::{Claims, KeyError, Keys, KeysUrl, Refetch, TokenError, Verifier};
use crate::code::{Code, Refusal};

/// The maximum time that an issuer may take to answer. An issuer that does not
/// answer must not block a socket for longer than this time.
const FETCH_TIMEOUT: Duration = Duration::from_millis(Refetch::FETCH_TIMEOUT_MS);

thread_local! {
    /// A promise that resolves when the latest fetch has ended.
    static FETCH_ENDED: RefCell<Option<Promise>> = const { RefCell::new(None) };
}

/// Verifies a token without waiting. Returns `None` if the operator's function
/// decides, or if keys must be fetched first. In that case, the caller must use
/// [`claims`].
pub fn claims_without_wait(config: &Config, token: &str) -> Option<Result<Claims, Refusal>> {
    if config.hooks.authenticates() { None } else { check_without_fetch(config, token) }
}

fn check_without_fetch(config: &Config, token: &str) -> Option<Result<Claims, Refusal>> {
    let checked = config.verifier.borrow_mut().verify(token, now());
    match checked {
        Err(TokenError::UnknownKey { .. }) if is_worth_waiting(config) => None,
        Err(TokenError::UnknownKey { .. }) if needs_first_fetch(config) => Some(Err(no_keys())),
        checked => Some(checked.map_err(|error| error.refusal())),
    }
}

/// Verifies a token that arrived in a frame. The operator's function decides
/// first, if there is one.
pub async fn claims(config: &Config, token: &str) -> Result<Claims, Refusal> {
    match config.hooks.authenticate_token(token).await? {
        Authentication::User(claims) => Ok(claims),
        Authentication::Nobody => Err(TokenError::NotAccepted.refusal()),
        Authentication::ByToken => claims_of_token(config, token).await,
    }
}

/// Returns the claims of a request; `None` if no user is signed in. `token` is
/// the request's token, if any. The operator's function decides first, if
/// there is one. The function receives the request's cookies only if
/// `cookies_allowed`.
pub async fn claims_of_request(
    config: &Config,
    request: &Request,
    token: Option<&str>,
    cookies_allowed: bool,
) -> Result<Option<Claims>, Refusal> {
    let asked = config.hooks.authenticate_request(request, token, cookies_allowed);
    match (asked.await?, token) {
        (Authentication::User(claims), _) => Ok(Some(claims)),
        (Authentication::Nobody, Some(_)) => Err(TokenError::NotAccepted.refusal()),
        (Authentication::Nobody | Authentication::ByToken, None) => Ok(None),
        (Authentication::ByToken, Some(token)) => claims_of_token(config, token).await.map(Some),
    }
}

/// Verifies a token. If the token needs the keys of `JWKS_URL`, and these
/// keys are missing or too old, fetches the keys first.
async fn claims_of_token(config: &Config, token: &str) -> Result<Claims, Refusal> {
    loop {
        match check_without_fetch(config, token) {
            Some(claims) => return claims,
            None => fetch_keys(config).await,
        }
    }
}

/// Checks that tokens of the issuer can be verified. If no keys were ever
/// fetched, fetches the keys. Fetched keys are sufficient at any age, because
/// an outage of the issuer must not cause an outage of the rooms.
pub async fn health(config: &Config) -> Result<(), Refusal> {
    if needs_first_fetch(config) && is_worth_waiting(config) {
        fetch_keys(config).await;
    }
    if needs_first_fetch(config) { Err(no_keys()) } else { Ok(()) }
}

fn no_keys() -> Refusal {
    Refusal::new(Code::Internal, "the keys of the issuer are unavailable; try again")
}

fn is_worth_waiting(config: &Config) -> bool {
    config.jwks_url.is_some() && config.verifier.borrow().refetch.should_wait(now())
}

fn needs_first_fetch(config: &Config) -> bool {
    config.jwks_url.is_some() && !config.verifier.borrow().refetch.has_keys()
}

/// Fetches the keys. One caller fetches them, and the other callers wait for
/// its promise. A promise is the only object that requests may share. If the
/// request of the fetching caller is cancelled, the fetch is lost, so the wait
/// has a timeout.
async fn fetch_keys(config: &Config) {
    let Some(url) = &config.jwks_url else { return };
    let verifier = &config.verifier;
    let ended = FETCH_ENDED.with_borrow_mut(|ended| match ended {
        Some(ended) if verifier.borrow().refetch.is_fetching(now()) => ended.clone(),
        _ => {
            verifier.borrow_mut().refetch.start(now());
            let replacing = replace_keys(url.clone(), Rc::clone(verifier));
            ended.insert(future_to_promise(replacing)).clone()
        }
    });
    let ended = Box::pin(async move {
        // If the fetch was lost, the promise is rejected immediately for every
        // caller. The rejection is ignored, so the callers wait until the
        // timeout.
        if JsFuture::from(ended).await.is_err() {
            pending().await
        }
    });
    select(ended, Box::pin(sleep(FETCH_TIMEOUT))).await;
}

async fn replace_keys(url: KeysUrl, verifier: Rc<RefCell<Verifier>>) -> Result<JsValue, JsValue> {
    let set = fetch(&url).await;
    let mut verifier = verifier.borrow_mut();
    let replaced = set.and_then(|set| {
        let skipped = verifier.replace_fetched_keys(&set, now());
        skipped.map(<[_]>::to_vec).map_err(|wrong| wrong.to_string())
    });
    match replaced {
        Ok(skipped) => {
            for skipped in skipped {
                log::error("key_skipped", &[("of", "JWKS_URL"), ("cause", &skipped.to_string())]);
            }
        }
        Err(cause) => {
            let meanwhile = if verifier.refetch.has_keys() {
                "the keys that were fetched last stay in use"
            } else {
                "none were fetched yet, so tokens that need them get `internal`"
            };
            log::error("keys_unavailable", &[("cause", &cause), ("meanwhile", meanwhile)]);
            verifier.refetch.failed(now());
        }
    }
    Ok(JsValue::UNDEFINED)
}

async fn fetch(url: &KeysUrl) -> Result<String, String> {
    let controller = AbortController::new().map_err(|cause| format!("{cause:?}"))?;
    let init = RequestInit::new();
    // Redirects are not followed, because only the operator may decide which
    // server is trusted. A redirect would leave this decision to the server.
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&controller.signal()));
    let response = platform::fetch(url.as_str(), &init);
    let text = Box::pin(async move {
        let response = JsFuture::from(response).await.map_err(|cause| format!("{cause:?}"))?;
        text(response.unchecked_into()).await
    });
    let text = match select(text, Box::pin(sleep(FETCH_TIMEOUT))).await {
        Either::Left((text, _)) => text,
        Either::Right(_) => Err(format!("no answer within {FETCH_TIMEOUT:?}")),
    };
    // Closes the connection of a response that was not read to its end.
    // Otherwise, the connection would stay open until the request ends,
    // possibly for hours.
    controller.abort();
    text
}

async fn text(response: Response) -> Result<String, String> {
    match response.status() {
        200 => {}
        status @ 300..=399 => {
            return Err(format!(
                "answered {status}: redirects are not followed, so JWKS_URL must be the address of \
                 the set itself"
            ));
        }
        status => return Err(format!("answered {status}")),
    }
    let stream = response.body().ok_or("answered without a body")?;
    let bytes = read(stream, Keys::SET_BYTES_MAX).await.map_err(|cause| format!("{cause:?}"))?;
    let bytes = bytes.ok_or_else(|| KeyError::LongSet.to_string())?;
    String::from_utf8(Uint8Array::new(&bytes).to_vec()).map_err(|_| KeyError::NotASet.to_string())
}
