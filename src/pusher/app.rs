//! `PUSHER_APPS`: the apps whose clients and backends may use Pusher's protocol.

use std::fmt;
use std::rc::Rc;

use crate::auth::Origins;
use crate::protocol::RoomName;
use crate::protocol::json::{Object, text_of};

/// Segment that separates the rooms of users from those of channels. A channel's
/// name has no `:`.
pub(super) const USER_ROOMS: &str = "server-to-user:";

/// An app, as Pusher calls a set of channels with their own key and secret.
pub struct App {
    pub id: String,
    /// Names the app in the URL of a socket. It is not secret.
    pub key: String,
    pub(super) secret: String,
    /// Beginning of the names of the app's rooms: empty, or ending in `:`.
    pub(super) prefix: String,
    /// Whether clients may send events of their own.
    pub client_events: bool,
    /// Whether clients are sent the number of subscriptions of their channels.
    pub subscription_count: bool,
    /// Origins of the pages that may connect. `None` for all.
    origins: Option<Origins>,
}

/// Writes no secret.
impl fmt::Debug for App {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "App({})", self.id)
    }
}

/// The apps. By default, there are none.
#[derive(Clone, Debug, Default)]
pub struct Apps(Rc<[Rc<App>]>);

impl Apps {
    /// Parses a JSON list of apps. The error is one line for the operator, and
    /// contains no secret.
    pub fn parse(json: &str) -> Result<Self, String> {
        let apps: Vec<Object> = serde_json::from_str(json).map_err(|wrong| {
            // The message of serde may quote a secret.
            format!(
                r#"PUSHER_APPS must be a JSON list such as [{{"id":"1","key":"app-key","secret":"…"}}]; it is invalid at column {}"#,
                wrong.column()
            )
        })?;
        let mut read: Vec<Rc<App>> = Vec::new();
        for (index, fields) in apps.iter().enumerate() {
            let app =
                App::read(fields).map_err(|wrong| format!("PUSHER_APPS[{index}]: {wrong}"))?;
            for other in &read {
                if app.id == other.id || app.key == other.key || app.prefix == other.prefix {
                    return Err(format!(
                        "PUSHER_APPS: the apps {:?} and {:?} must have different ids, keys and \
                         prefixes",
                        other.id, app.id
                    ));
                }
            }
            read.push(Rc::new(app));
        }
        Ok(Self(read.into()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &App> {
        self.0.iter().map(|app| &**app)
    }

    /// Returns the app with this key.
    pub fn with_key(&self, key: &str) -> Option<&Rc<App>> {
        self.0.iter().find(|app| app.key == key)
    }

    /// Returns the app with this id.
    pub fn with_id(&self, id: &str) -> Option<&Rc<App>> {
        self.0.iter().find(|app| app.id == id)
    }
}

impl App {
    fn read(fields: &Object) -> Result<Self, String> {
        const NAMES: [&str; 7] =
            ["id", "key", "secret", "prefix", "client_events", "subscription_count", "origins"];
        if let Some(unknown) = fields.names().find(|name| !NAMES.contains(name)) {
            return Err(format!("unknown field `{unknown}`; the fields are {}", NAMES.join(", ")));
        }
        let required = |name| fields.required_text(name).map_err(|refusal| refusal.message);
        let flag = |name| match fields.json(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(format!("`{name}` must be true or false")),
        };
        let prefix = fields.text("prefix").map_err(|refusal| refusal.message)?.unwrap_or_default();
        let origins = fields.items("origins").map_err(|refusal| refusal.message)?;
        let app = Self {
            id: required("id")?.into_owned(),
            key: required("key")?.into_owned(),
            secret: required("secret")?.into_owned(),
            prefix: prefix.into_owned(),
            client_events: flag("client_events")?,
            subscription_count: flag("subscription_count")?,
            origins: origins.map(|origins| read_origins(&origins)).transpose()?,
        };
        app.check()?;
        Ok(app)
    }

    fn check(&self) -> Result<(), String> {
        let Self { id, key, secret, prefix, .. } = self;
        if !RoomName::is_segment(id) || !RoomName::is_segment(key) {
            return Err(
                "id and key must be 1 to 200 characters of A-Z a-z 0-9 _ - = @ , . ;".into()
            );
        }
        if secret.is_empty() {
            return Err("the secret is empty".into());
        }
        let is_prefix = RoomName::parse(&format!("{prefix}a")).is_ok();
        let is_closed = prefix.is_empty() || prefix.ends_with(':');
        if !is_prefix || !is_closed || prefix.ends_with(USER_ROOMS) {
            return Err(format!(
                "the prefix {prefix:?} must be empty, or like \"shop:\": segments of room names, \
                 each with a ':' behind it. The last segment can't be server-to-user"
            ));
        }
        Ok(())
    }

    /// Returns whether a page of this origin may connect. A client without an
    /// origin is no page.
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        match (&self.origins, origin) {
            (Some(origins), Some(origin)) => origins.allows(origin),
            (Some(_) | None, None) | (None, Some(_)) => true,
        }
    }
}

fn read_origins(origins: &[&str]) -> Result<Origins, String> {
    let mut list = String::new();
    for origin in origins {
        list.push_str(&text_of(origin, "origins").map_err(|refusal| refusal.message)?);
        list.push(',');
    }
    Origins::parse(&list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn app_is_found_by_its_key_and_by_its_id() {
        let json = r#"[{"id":"1","key":"a","secret":"s"},
            {"id":"2","key":"b","secret":"t","prefix":"shop:","client_events":true,
             "origins":["https://shop.example"]}]"#;
        let apps = Apps::parse(json).unwrap();
        assert_eq!(apps.with_key("b").unwrap().id, "2");
        assert_eq!(apps.with_id("1").unwrap().key, "a");
        assert!(apps.with_key("c").is_none() && apps.with_id("a").is_none());
        let (open, shop) = (apps.with_id("1").unwrap(), apps.with_id("2").unwrap());
        assert!(!open.client_events && shop.client_events);
        assert!(open.allows_origin(Some("https://evil.example")));
        assert!(shop.allows_origin(None) && shop.allows_origin(Some("https://shop.example")));
        assert!(!shop.allows_origin(Some("https://evil.example")));
    }

    #[test]
    fn invalid_app_is_named_without_its_secret() {
        for (json, named) in [
            ("", "must be a JSON list"),
            (r#"{"id":"1"}"#, "must be a JSON list"),
            (r#"[{"id":"1","key":"k"}]"#, "missing field `secret`"),
            (r#"[{"id":"1","key":"k","secret":"s3cr3t","x":1}]"#, "unknown field `x`"),
            (
                r#"[{"id":"1","key":"k","secret":"s3cr3t","client_events":"s3cr3t"}]"#,
                "true or false",
            ),
            (r#"[{"id":"1","key":"k","secret":"s3cr3t","secret":"s"}]"#, "column"),
            (r#"[{"id":"1","key":"k","secret":7}]"#, "`secret` must be a string"),
            (r#"[{"id":"1","key":"k","secret":""}]"#, "PUSHER_APPS[0]: the secret is empty"),
            (r#"[{"id":"1","key":"a:b","secret":"s"}]"#, "id and key"),
            (r#"[{"id":"1","key":"k","secret":"s","prefix":"shop"}]"#, "\"shop\" must be"),
            (r#"[{"id":"1","key":"k","secret":"s","prefix":"a::"}]"#, "\"a::\" must be"),
            (r#"[{"id":"1","key":"k","secret":"s","prefix":"server-to-user:"}]"#, "can't be"),
            (
                r#"[{"id":"1","key":"k","secret":"s"},{"id":"2","key":"k","secret":"s","prefix":"a:"}]"#,
                "must have different",
            ),
            (
                r#"[{"id":"1","key":"k","secret":"s"},{"id":"2","key":"l","secret":"s"}]"#,
                "must have different",
            ),
        ] {
            let wrong = Apps::parse(json).unwrap_err();
            assert!(wrong.contains(named) && !wrong.contains("s3cr3t"), "{json}: {wrong}");
        }
    }
}
