//! Delivery of webhooks: signed requests to the operator's URL.

use wasm_bindgen_futures::JsFuture;

use super::config::Config;
use super::platform::{self, now};
use crate::limits;
use crate::protocol::RoomName;
use crate::pusher::Webhook;
use crate::webhooks::Secrets;

/// Sends a batch to the webhook of a room. Returns the reason if the receiver did
/// not accept it.
pub async fn send(config: &Config, room: &RoomName, batch: &str, body: &str) -> Option<String> {
    const TIMEOUT_MS: f64 = platform::number(limits::WEBHOOK_TIMEOUT_MS);
    let Some(url) = config.settings.webhook_url(room) else {
        return Some("the room has no webhook_url".into());
    };
    let at = now();
    let sent = if config.settings.of(room).webhook_pusher {
        match config.pusher_apps.webhook(room, body, at) {
            Ok(Some(Webhook { key, signature, body })) => {
                let headers = vec![
                    format!("x-pusher-key: {key}"),
                    format!("x-pusher-signature: {signature}"),
                ];
                platform::send_webhook(url, headers, &body, TIMEOUT_MS)
            }
            Ok(None) => return None,
            Err(cause) => return Some(cause.into()),
        }
    } else {
        let headers = vec![
            format!("webhook-id: {batch}"),
            format!("webhook-timestamp: {}", Secrets::timestamp(at)),
            format!("webhook-signature: {}", config.webhook_secrets.sign(batch, at, body)),
        ];
        platform::send_webhook(url, headers, body, TIMEOUT_MS)
    };
    match JsFuture::from(sent).await {
        Ok(failure) => failure.as_string(),
        Err(cause) => Some(format!("{cause:?}")),
    }
}
