//! The operator's configuration, which is read once in each isolate.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use worker::Env;

use super::hooks::Hooks;
use super::log::{self, Level};
use super::platform::variable;
use crate::auth::{GrantRules, Keys, KeysUrl, Origins, Policy, PublicRooms, Verifier};
use crate::pusher::Apps;
use crate::settings::RoomSettings;
use crate::webhooks::Secrets;

pub struct Config {
    pub hooks: Hooks,
    pub verifier: Rc<RefCell<Verifier>>,
    pub jwks_url: Option<KeysUrl>,
    pub origins: Origins,
    pub public_rooms: PublicRooms,
    pub settings: Rc<RoomSettings>,
    /// The token with which Prometheus may read the metrics.
    pub metrics_token: Option<String>,
    /// The secrets that sign webhooks.
    pub webhook_secrets: Secrets,
    /// Whether the console is served.
    pub console: bool,
    /// The apps whose clients and backends use Pusher's protocol.
    pub pusher_apps: Apps,
}

thread_local! {
    static SETTINGS: OnceCell<Result<Rc<RoomSettings>, String>> = const { OnceCell::new() };
    static CONFIG: OnceCell<Result<Rc<Config>, String>> = const { OnceCell::new() };
}

/// Returns the configuration. Variables and secrets don't change within an
/// isolate, because changing a variable or a secret creates a new deployment.
/// If the configuration is invalid, fails with an error for the operator's log.
pub fn config(env: &Env) -> Result<Rc<Config>, String> {
    CONFIG.with(|config| config.get_or_init(|| Config::read(env).map(Rc::new)).clone())
}

/// Returns the settings of the rooms, even if another part of the configuration
/// is invalid.
pub fn settings(env: &Env) -> Result<Rc<RoomSettings>, String> {
    let read = || {
        let json = variable(env, "ROOM_SETTINGS");
        json.map_or_else(|| Ok(RoomSettings::default()), |json| RoomSettings::parse(&json))
    };
    SETTINGS.with(|settings| settings.get_or_init(|| read().map(Rc::new)).clone())
}

impl Config {
    fn read(env: &Env) -> Result<Self, String> {
        if let Some(level) = variable(env, "LOG_LEVEL") {
            log::set_level(Level::parse(&level)?);
        }
        let hooks = Hooks::read(env);
        let keys =
            Keys::new(variable(env, "JWT_SECRET").as_deref(), variable(env, "JWT_JWKS").as_deref())
                .map_err(|wrong| wrong.to_string())?;
        for skipped in keys.skipped() {
            log::error("key_skipped", &[("of", "JWT_JWKS"), ("cause", &skipped.to_string())]);
        }
        let jwks_url = variable(env, "JWKS_URL").map(|url| KeysUrl::parse(&url)).transpose()?;
        let has_apps = variable(env, "PUSHER_APPS").is_some();
        if keys.is_empty() && jwks_url.is_none() && !hooks.authenticates() && !has_apps {
            return Err(
                "no token could be verified: set JWT_SECRET (`wrangler secret put JWT_SECRET`), \
                        JWT_JWKS or JWKS_URL"
                    .into(),
            );
        }
        let rules =
            variable(env, "ROOM_GRANTS").map(|json| GrantRules::parse(&json)).transpose()?;
        if rules.is_some() && jwks_url.is_some() && variable(env, "JWT_ISSUER").is_none() {
            return Err("ROOM_GRANTS with JWKS_URL needs JWT_ISSUER: the keys of a provider can \
                        sign the tokens of its other customers too"
                .into());
        }
        let settings = settings(env)?;
        let webhook_secrets =
            variable(env, "WEBHOOK_SECRETS").map(|text| Secrets::parse(&text)).transpose()?;
        let webhook_secrets = webhook_secrets.unwrap_or_default();
        if settings.have_webhooks(false) && webhook_secrets.is_empty() {
            return Err("ROOM_SETTINGS has a webhook_url, so webhooks must be signed: set \
                        WEBHOOK_SECRETS (`wrangler secret put WEBHOOK_SECRETS`)"
                .into());
        }
        let public_rooms =
            variable(env, "PUBLIC_ROOMS").map(|json| PublicRooms::parse(&json)).transpose()?;
        let console = match variable(env, "CONSOLE").as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => return Err("CONSOLE must be on or off".into()),
        };
        let pusher_apps =
            variable(env, "PUSHER_APPS").map(|json| Apps::parse(&json)).transpose()?;
        let pusher_apps = pusher_apps.unwrap_or_default();
        if settings.have_webhooks(true) && pusher_apps.is_empty() {
            return Err("ROOM_SETTINGS has webhook_pusher, so PUSHER_APPS must be set".into());
        }
        let policy = Policy {
            issuer: variable(env, "JWT_ISSUER"),
            audience: variable(env, "JWT_AUDIENCE"),
            rules: rules.unwrap_or_default(),
        };
        Ok(Self {
            hooks,
            verifier: Rc::new(RefCell::new(Verifier::new(keys, policy))),
            jwks_url,
            origins: Origins::parse(&variable(env, "ALLOWED_ORIGINS").unwrap_or_default())?,
            public_rooms: public_rooms.unwrap_or_default(),
            settings,
            metrics_token: variable(env, "METRICS_TOKEN"),
            webhook_secrets,
            console,
            pusher_apps,
        })
    }
}
