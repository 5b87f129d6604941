"""Triggers and reads channels with the Python SDK, and prints the answers as JSON."""

import json
import os
from urllib.parse import urlsplit

from pusher import Pusher

url = urlsplit(os.environ["PUSHER_URL"])
pusher = Pusher(
    app_id="1", key=url.username, secret=url.password, host=url.hostname, port=url.port, ssl=False
)
pusher.trigger("news", "published", {"id": 1})
pusher.trigger(["news", "private-orders"], "published", "plain text")
pusher.trigger_batch(
    [
        {"channel": "news", "name": "batched", "data": {"id": 2}},
        {"channel": "private-orders", "name": "batched", "data": {"id": 3}},
    ]
)
pusher.send_to_user("ann", "paid", {"amount": 5})
# `terminate_user_connections` of this SDK requests a path without the app's id.
answers = {
    "channels": pusher.channels_info(),
    "with_user_count": pusher.channels_info("presence-", ["user_count"]),
    "channel": pusher.channel_info("presence-chat", ["user_count", "subscription_count"]),
    "users": pusher.users_info("presence-chat"),
}
print(json.dumps(answers))
