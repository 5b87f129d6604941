//! Delivery of webhooks: signed requests to the operator's URL.

use wasm_bindgen_futures::JsFuture;

use super::config::Config;
use super::platform::{self, now};
use crate::limits;
use crate::protocol::RoomName;
use crate::webhooks::Secrets;

/// Sends a batch to the webhook of a room. Returns the reason if the receiver did
/// not accept it.
pub async fn send(config: &Config, room: &RoomName, batch: &str, body: &str) -> Option<String> {
    const TIMEOUT_MS: f64 = platform::number(limits::WEBHOOK_TIMEOUT_MS);
    let Some(url) = config.settings.webhook_url(room) else {
        return Some("the room has no webhook_url".into());
    };
    let at = now();
    let (timestamp, signature) =
        (Secrets::timestamp(at).to_string(), config.webhook_secrets.sign(batch, at, body));
    let sent = platform::send_webhook(url, batch, &timestamp, &signature, body, TIMEOUT_MS);
    match JsFuture::from(sent).await {
        Ok(failure) => failure.as_string(),
        Err(cause) => Some(format!("{cause:?}")),
    }
}
