//! The functions with which an operator's own worker extends Roomcast. The
//! package (client/src/worker/hooks.ts) calls these functions and checks the
//! types of their results. It also catches the errors of `beforePublish`. This
//! module handles those of `authenticate`.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Function, Promise, Reflect, Symbol};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::Env;
use worker::web_sys::{Headers, Request, RequestInit};

use super::log;
use super::platform::now;
use super::timer::sleep;
use crate::auth::{Claims, TokenError, check_form};
use crate::code::{Code, Refusal};
use crate::limits;
use crate::protocol::{NewEvent, RoomName, User};
use crate::publish_hook::{PublishHook, Verdict};

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type RawHooks;

    #[wasm_bindgen(method, getter, js_name = basePath)]
    fn base_path(this: &RawHooks) -> String;

    #[wasm_bindgen(method, getter)]
    fn authenticate(this: &RawHooks) -> Option<Function>;

    /// Whether the operator checks events.
    #[wasm_bindgen(method, getter, js_name = checksEvents)]
    fn checks_events(this: &RawHooks) -> bool;

    /// Checks an event, which is JSON.
    #[wasm_bindgen(method, js_name = beforePublish)]
    fn before_publish(this: &RawHooks, room: &str, user: &str, event: &str) -> RawVerdict;

    type RawVerdict;

    #[wasm_bindgen(method, getter)]
    fn rejected(this: &RawVerdict) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    fn data(this: &RawVerdict) -> Option<String>;
}

/// The operator's functions; all absent if the worker is used as it is.
#[derive(Default)]
pub struct Hooks {
    pub base_path: String,
    authenticate: Option<Function>,
    publish: Option<Rc<dyn PublishHook>>,
}

/// The answer of the operator's `authenticate` about a request.
pub enum Authentication {
    /// The request belongs to a user.
    User(Claims),
    /// No user is signed in.
    Nobody,
    /// The request's token decides.
    ByToken,
}

impl Hooks {
    /// Reads the functions from the environment, to which the package's entry
    /// adds them under a symbol. So no variable or binding can have this name.
    pub fn read(env: &Env) -> Self {
        match Reflect::get(env, &Symbol::for_("roomcast.hooks")) {
            Ok(hooks) if hooks.is_object() => Self::of(&hooks.unchecked_into()),
            _ => Self::default(),
        }
    }

    fn of(hooks: &RawHooks) -> Self {
        let publish = || Rc::new(BeforePublish(hooks.clone())) as Rc<dyn PublishHook>;
        Self {
            base_path: hooks.base_path(),
            authenticate: hooks.authenticate(),
            publish: hooks.checks_events().then(publish),
        }
    }

    pub fn authenticates(&self) -> bool {
        self.authenticate.is_some()
    }

    pub fn publish_hook(&self) -> Option<Rc<dyn PublishHook>> {
        self.publish.clone()
    }

    /// Asks the operator's `authenticate` about a request. The function receives
    /// the request's URL and headers, but not its body. `token` is the token of
    /// the request, which the function always receives as `Authorization`.
    /// Without `cookies_allowed`, the function receives no cookies.
    pub async fn authenticate_request(
        &self,
        request: &Request,
        token: Option<&str>,
        cookies_allowed: bool,
    ) -> Result<Authentication, Refusal> {
        let head = || {
            let headers = Headers::new_with_headers(&request.headers())?;
            if !cookies_allowed {
                headers.delete("cookie")?;
            }
            token.map_or(Ok(()), |token| set_token(&headers, token))?;
            head_request(&request.url(), &headers)
        };
        self.authenticate(token, head).await
    }

    /// Asks the operator's `authenticate` about a token that arrived in a frame.
    /// The request of the frame's socket is over, so the function receives a
    /// request that has only this token.
    pub async fn authenticate_token(&self, token: &str) -> Result<Authentication, Refusal> {
        let head = || {
            let headers = Headers::new()?;
            set_token(&headers, token)?;
            head_request("https://roomcast/auth", &headers)
        };
        self.authenticate(Some(token), head).await
    }

    /// Fails with `internal` if the function fails or does not answer in time,
    /// since an error must authenticate nobody.
    async fn authenticate(
        &self,
        token: Option<&str>,
        head: impl FnOnce() -> Result<Request, JsValue>,
    ) -> Result<Authentication, Refusal> {
        const TIMEOUT: Duration = Duration::from_millis(limits::AUTHENTICATE_MS);
        let Some(authenticate) = &self.authenticate else { return Ok(Authentication::ByToken) };
        token.map_or(Ok(()), check_form).map_err(|error| error.refusal())?;
        let answer = Box::pin(async {
            let answer = authenticate.call1(&JsValue::UNDEFINED, head()?.as_ref())?;
            JsFuture::from(Promise::resolve(&answer)).await
        });
        let answer = match select(answer, Box::pin(sleep(TIMEOUT))).await {
            Either::Left((Ok(answer), _)) => answer,
            Either::Left((Err(cause), _)) => return Err(failed(&format!("{cause:?}"))),
            Either::Right(_) => return Err(failed(&format!("no answer within {TIMEOUT:?}"))),
        };
        let Some(answer) = answer.as_string() else {
            let is_nobody = answer.is_null();
            return Ok(if is_nobody { Authentication::Nobody } else { Authentication::ByToken });
        };
        let claims = Claims::of_hook(&answer).map_err(|wrong| failed(&wrong.to_string()))?;
        if claims.have_expired(now()) {
            return Err(TokenError::Expired.refusal());
        }
        Ok(Authentication::User(claims))
    }
}

/// Writes the cause to the operator's log. The client receives only the code
/// `internal`.
fn failed(cause: &str) -> Refusal {
    log::error("authenticate_failed", &[("cause", cause)]);
    Refusal::new(Code::Internal, "the user can't be authenticated now; try again")
}

fn set_token(headers: &Headers, token: &str) -> Result<(), JsValue> {
    headers.set("authorization", &format!("Bearer {token}"))
}

/// Creates a GET request without a body.
fn head_request(url: &str, headers: &Headers) -> Result<Request, JsValue> {
    let init = RequestInit::new();
    init.set_headers(headers);
    Request::new_with_str_and_init(url, &init)
}

/// The operator's `beforePublish`.
struct BeforePublish(RawHooks);

impl PublishHook for BeforePublish {
    fn check(&self, room: &RoomName, user: &User, event: &NewEvent) -> Verdict {
        let verdict = self.0.before_publish(room.as_str(), user.as_str(), &event.json());
        match (verdict.rejected(), verdict.data()) {
            (Some(message), _) => Verdict::Rejected { message },
            (None, Some(data)) => Verdict::Changed { data },
            (None, None) => Verdict::Accepted,
        }
    }
}
