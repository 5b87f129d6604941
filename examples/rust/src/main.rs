//! Publishes an event, reads it back, and handles an error.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fmt};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use ureq::Agent;
use ureq::http::Request;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// An answer with an error status.
#[derive(Debug)]
struct RoomcastError(Value);

impl fmt::Display for RoomcastError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |field| self.0[field].as_str().unwrap_or_default();
        write!(out, "{}: {}", text("code"), text("message"))
    }
}

impl Error for RoomcastError {}

fn main() -> Result<()> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)));
    let agent = Agent::new_with_config(config.build());

    // With an `id`, the event is stored once, even if this program runs again.
    let data = json!({ "status": "delivered" });
    let event = json!({ "name": "shipment:updated", "data": data, "id": "delivery-981" });
    let published = call(&agent, "POST", "/rooms/shipments:42/events", &event)?;
    println!("published as seq {}", published["seqs"][0]);

    let page = call(&agent, "GET", "/rooms/shipments:42/events?last=10", &Value::Null)?;
    for event in page["events"].as_array().into_iter().flatten() {
        let [name, status] = [&event["name"], &event["data"]["status"]].map(Value::as_str);
        println!("read {} {} {}", event["seq"], name.unwrap_or(""), status.unwrap_or(""));
    }

    let invalid = json!({ "name": "", "data": 1 });
    match call(&agent, "POST", "/rooms/shipments:42/events", &invalid) {
        Err(error) if error.is::<RoomcastError>() => println!("{error}"),
        other => drop(other?),
    }
    Ok(())
}

fn call(agent: &Agent, method: &str, path: &str, body: &Value) -> Result<Value> {
    let request = Request::builder()
        .method(method)
        .uri(env::var("ROOMCAST_URL")? + path)
        .header("Authorization", format!("Bearer {}", token()?))
        .body(if body.is_null() { String::new() } else { body.to_string() })?;
    let mut answer = agent.run(request)?;
    let mut json: Value = answer.body_mut().read_json()?;
    match json["error"].take() {
        Value::Null => Ok(json),
        error => Err(RoomcastError(error).into()),
    }
}

fn token() -> Result<String> {
    let claims = json!({
        "sub": "backend",
        "exp": SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 60,
        "rooms": { "shipments:*": ["publish", "subscribe"] },
    });
    let encode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    let signed =
        format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.to_string().as_bytes()));
    let mut mac = Hmac::<Sha256>::new_from_slice(env::var("JWT_SECRET")?.as_bytes())?;
    mac.update(signed.as_bytes());
    Ok(format!("{signed}.{}", encode(&mac.finalize().into_bytes())))
}
