//! Attacks on the signatures. A rejected attack opens no room.

use md5::{Digest, Md5};
use roomcast::code::Code;
use roomcast::limits;
use roomcast::pusher::Signed;

use super::*;

/// Returns whether a subscription with this `auth` and `channel_data` opens a room.
fn opens(channel: &str, auth: &str, channel_data: Option<&str>) -> bool {
    let mut data = json!({ "channel": channel, "auth": auth });
    if let Some(channel_data) = channel_data {
        data["channel_data"] = channel_data.into();
    }
    let effects = Harness::new().subscribe(&data);
    effects.iter().any(|effect| matches!(effect, ConnectionEffect::Open { .. }))
}

#[test]
fn attack_on_the_signature_of_a_channel_opens_no_room() {
    let apps = apps();
    let (app, other) = (apps.with_id("1").unwrap(), apps.with_id("2").unwrap());
    let sign = |text: &str| format!("key:{}", app.sign(text));
    let user = r#"{"user_id":"7"}"#;
    let presence = sign(&format!("1.2:presence-a:{user}"));
    assert!(opens("private-a", &sign("1.2:private-a"), None), "the right signature");
    assert!(opens("presence-a", &presence, Some(user)), "the right signature");

    let bare = app.sign("1.2:private-a");
    for (attack, channel, auth, channel_data) in [
        ("no signature", "private-a", String::new(), None),
        ("the key alone", "private-a", "key".into(), None),
        ("an empty signature", "private-a", "key:".into(), None),
        ("the signature without the key", "private-a", bare.clone(), None),
        ("the key of another app", "private-a", format!("other:{bare}"), None),
        (
            "the secret of another app",
            "private-a",
            format!("key:{}", other.sign("1.2:private-a")),
            None,
        ),
        (
            "key and secret of another app",
            "private-a",
            format!("other:{}", other.sign("1.2:private-a")),
            None,
        ),
        ("the signature of another channel", "private-a", sign("1.2:private-b"), None),
        ("the signature of another socket", "private-a", sign("1.3:private-a"), None),
        ("a socket id with another split", "private-a", sign("1:2:private-a"), None),
        ("a signature in upper case", "private-a", format!("key:{}", bare.to_uppercase()), None),
        ("a truncated signature", "private-a", format!("key:{}", bare.get(..63).unwrap()), None),
        ("an extended signature", "private-a", format!("key:{bare}0"), None),
        ("a space before the signature", "private-a", format!("key: {bare}"), None),
        ("a presence signature for a private channel", "private-a", presence.clone(), None),
        (
            "a private channel with signed channel_data of a presence channel",
            "private-a",
            presence.clone(),
            Some(user),
        ),
        ("a private signature for a presence channel", "presence-a", sign("1.2:presence-a"), None),
        ("a private signature with channel_data", "presence-a", sign("1.2:presence-a"), Some(user)),
        (
            "channel_data of another user",
            "presence-a",
            presence.clone(),
            Some(r#"{"user_id":"8"}"#),
        ),
        ("channel_data with a space", "presence-a", presence.clone(), Some(r#"{"user_id": "7"}"#)),
        ("a presence channel without channel_data", "presence-a", presence.clone(), None),
        (
            "a channel with a colon, whose signature looks like one of presence",
            "private-a:b",
            sign("1.2:private-a:b"),
            None,
        ),
        ("the channel of a user", "#server-to-user-7", sign("1.2:#server-to-user-7"), None),
        ("the room of a user", "server-to-user:7", sign("1.2:server-to-user:7"), None),
        ("a sign-in as a signature", "private-a", sign("1.2::user::private-a"), None),
    ] {
        assert!(!opens(channel, &auth, channel_data), "{attack}");
    }
}

#[test]
fn invalid_member_opens_no_room_although_it_is_signed() {
    let apps = apps();
    let app = apps.with_id("1").unwrap();
    for data in [
        "",
        "{}",
        "[]",
        r#"{"user_id":null}"#,
        r#"{"user_id":""}"#,
        r#"{"user_id":1.5}"#,
        r#"{"user_id":{}}"#,
        r#"{"user_id":"7","user_id":"8"}"#,
        r#"{"user_id":"7","user_info":}"#,
        &format!(r#"{{"user_id":"{}"}}"#, "u".repeat(129)),
        &format!(r#"{{"user_id":"7","user_info":{}1{}}}"#, "[".repeat(65), "]".repeat(65)),
    ] {
        let auth = format!("key:{}", app.sign(&format!("1.2:presence-a:{data}")));
        assert!(!opens("presence-a", &auth, Some(data)), "{data:.60}");
    }
    let auth = format!("key:{}", app.sign(r#"1.2:presence-a:{"user_id":10}"#));
    assert!(opens("presence-a", &auth, Some(r#"{"user_id":10}"#)), "a user may be a number");
}

#[test]
fn field_that_is_there_twice_is_refused() {
    for frame in [
        r#"{"event":"pusher:subscribe","data":{"channel":"a","channel":"b"}}"#,
        r#"{"event":"pusher:subscribe","event":"pusher:ping","data":{"channel":"a"}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":"a"},"data":{"channel":"b"}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":"a","ch\u0061nnel":"b"}}"#,
    ] {
        let effects = Harness::new().handle(ConnectionInput::Text(frame));
        assert_eq!(sent(&effects).len(), effects.len(), "{frame}");
        assert_eq!(sent(&effects)[0]["event"], "pusher:error", "{frame}");
    }
}

#[test]
fn forged_sign_in_closes_the_socket() {
    let apps = apps();
    let app = apps.with_id("1").unwrap();
    let user = r#"{"id":"7"}"#;
    let sign = |text: &str| format!("key:{}", app.sign(text));
    let sign_in = |harness: &mut Harness, auth: &str, user: &str| {
        let data = json!({ "auth": auth, "user_data": user });
        harness.send(&json!({ "event": "pusher:signin", "data": data }))
    };
    for (attack, auth, user) in [
        ("no signature", String::new(), user),
        ("another user", sign(r#"1.2::user::{"id":"8"}"#), user),
        ("another socket", sign(r#"1.3::user::{"id":"7"}"#), user),
        ("the signature of a channel", sign(r#"1.2:user:{"id":"7"}"#), user),
        ("no id", sign("1.2::user::{}"), "{}"),
        ("an empty id", sign(r#"1.2::user::{"id":""}"#), r#"{"id":""}"#),
        ("two ids", sign(r#"1.2::user::{"id":"7","id":"8"}"#), r#"{"id":"7","id":"8"}"#),
    ] {
        let effects = sign_in(&mut Harness::new(), &auth, user);
        assert_eq!(close_code(&effects), Some(4009), "{attack}");
        assert!(!effects.iter().any(|e| matches!(e, ConnectionEffect::Open { .. })), "{attack}");
    }
    let mut harness = Harness::new();
    let effects = sign_in(&mut harness, &sign(&format!("1.2::user::{user}")), user);
    assert_eq!(sent(&effects)[0]["event"], "pusher:signin_success");
    let ben = r#"{"id":"8"}"#;
    let effects = sign_in(&mut harness, &sign(&format!("1.2::user::{ben}")), ben);
    assert_eq!(close_code(&effects), Some(4009), "a second user on the same socket");
}

/// Parts of a request that a backend signs.
#[derive(Clone)]
struct Request {
    method: &'static str,
    path: String,
    parameters: Vec<(String, String)>,
    body: String,
}

impl Request {
    /// A right request, without its signature.
    fn new() -> Self {
        let body = r#"{"name":"n","channel":"a","data":"1"}"#.to_owned();
        let seconds = START.get() / 1_000;
        let parameters = [
            ("auth_key", "key".to_owned()),
            ("auth_timestamp", seconds.to_string()),
            ("auth_version", "1.0".to_owned()),
            ("body_md5", md5(&body)),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { method: "POST", path: "/apps/1/events".into(), parameters, body }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.push((name.into(), value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    /// Adds the signature of an app.
    fn sign(mut self, app: &App) -> Self {
        self.parameters.sort();
        let query = self.query();
        let text = format!("{}\n{}\n{query}", self.method, self.path);
        self.parameters.push(("auth_signature".into(), app.sign(&text)));
        self
    }

    fn query(&self) -> String {
        let parameters = self.parameters.iter().map(|(name, value)| format!("{name}={value}"));
        parameters.collect::<Vec<_>>().join("&")
    }

    fn verify(&self) -> Result<(), Code> {
        self.verify_for("1", &self.query())
    }

    fn verify_for(&self, id: &str, query: &str) -> Result<(), Code> {
        let Self { method, path, body, .. } = self;
        let signed = Signed { method, path, query, body: body.as_bytes() };
        apps().verify(id, &signed, START).map(drop).map_err(|refusal| refusal.code)
    }
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn request_that_was_changed_after_it_was_signed_is_unauthorized() {
    let apps = apps();
    let (app, other) = (apps.with_id("1").unwrap(), apps.with_id("2").unwrap());
    let right = Request::new().sign(app);
    assert_eq!(right.verify(), Ok(()));
    let changed = |change: fn(&mut Request)| {
        let mut request = right.clone();
        change(&mut request);
        request
    };
    let add = |name: &str, value: &str| {
        let mut request = right.clone();
        request.parameters.push((name.into(), value.into()));
        request
    };
    let signature = &right.parameters.last().unwrap().1;
    for (attack, request) in [
        ("no signature", Request::new()),
        ("the secret of another app", Request::new().sign(other)),
        ("another method", changed(|request| request.method = "GET")),
        ("another path", changed(|request| request.path = "/apps/1/batch_events".into())),
        ("a changed body", changed(|request| request.body.push(' '))),
        ("an empty body", changed(|request| request.body.clear())),
        ("an added parameter", add("info", "user_count")),
        ("a removed parameter", {
            Request::new().with("info", "user_count").sign(app).without("info")
        }),
        ("a parameter twice", add("auth_version", "1.0")),
        ("a signature twice", add("auth_signature", signature)),
        ("a signature in upper case", {
            right.clone().with("auth_signature", &signature.to_uppercase())
        }),
        ("a signature in the signed text", {
            Request::new().with("auth_signature", "0").sign(app)
        }),
    ] {
        assert_eq!(request.verify(), Err(Code::Unauthorized), "{attack}");
    }
    assert_eq!(right.verify_for("2", &right.query()), Err(Code::Unauthorized), "another app");
    assert_eq!(right.verify_for("3", &right.query()), Err(Code::NotFound), "no app");
}

/// Limits: PUSHER_REQUEST_MS.
#[test]
fn request_with_wrong_parameters_is_unauthorized_although_it_is_signed() {
    let apps = apps();
    let app = apps.with_id("1").unwrap();
    let seconds = START.get() / 1_000;
    let most = limits::PUSHER_REQUEST_MS / 1_000;
    let at = |seconds: u64| Request::new().with("auth_timestamp", &seconds.to_string()).sign(app);
    assert_eq!(at(seconds - most).verify(), Ok(()));
    assert_eq!(at(seconds + most).verify(), Ok(()));
    let with = |name: &str, value: &str| Request::new().with(name, value).sign(app);
    let without = |name: &str| Request::new().without(name).sign(app);
    for (attack, request) in [
        ("another app's key", with("auth_key", "other")),
        ("no key", without("auth_key")),
        ("no MD5 of the body", without("body_md5")),
        ("an MD5 in upper case", { with("body_md5", &md5(&Request::new().body).to_uppercase()) }),
        ("a time too long ago", at(seconds - most - 1)),
        ("a time too far ahead", at(seconds + most + 1)),
        ("no time", without("auth_timestamp")),
        ("a time that is no number", with("auth_timestamp", "now")),
        ("a negative time", with("auth_timestamp", "-1")),
        ("a time beyond any number", with("auth_timestamp", &"9".repeat(30))),
        ("another version", with("auth_version", "2.0")),
        ("no version", without("auth_version")),
        ("parameters in another letter case", {
            let mut request = Request::new();
            request.parameters[0].0 = "AUTH_KEY".into();
            request.sign(app)
        }),
        ("very many parameters", {
            let numbered = (0..1_000).map(|number| format!("p{number}"));
            numbered.fold(Request::new(), |request, name| request.with(&name, "1")).sign(app)
        }),
    ] {
        assert_eq!(request.verify(), Err(Code::Unauthorized), "{attack}");
    }
}

#[test]
fn signature_is_of_the_decoded_parameters_and_of_the_path_in_both_forms() {
    let apps = apps();
    let app = apps.with_id("1").unwrap();
    let mut request = Request::new().with("filter_by_prefix", "presence-a b").sign(app);
    let query = request.query().replace(' ', "%20");
    assert_eq!(request.verify_for("1", &query), Ok(()));
    request = Request::new();
    request.path = "/apps/1/users/a b/terminate_connections".into();
    request = request.sign(app);
    request.path = request.path.replace(' ', "%20");
    assert_eq!(request.verify(), Ok(()), "the path was signed before it was encoded");
    assert_eq!(request.clone().without("auth_signature").sign(app).verify(), Ok(()));
}
