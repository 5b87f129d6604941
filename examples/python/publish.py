"""Publishes an event, reads it back, and handles an error, with the standard library only."""

import base64
import hmac
import json
import os
import time
import urllib.error
import urllib.request

URL = os.environ["ROOMCAST_URL"]


class RoomcastError(Exception):
    def __init__(self, code, message, retry_after_ms=None):
        super().__init__(message)
        self.code = code
        self.retry_after_ms = retry_after_ms


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims, secret):
    signed = base64url(b'{"alg":"HS256"}') + "." + base64url(json.dumps(claims).encode())
    return signed + "." + base64url(hmac.digest(secret.encode(), signed.encode(), "sha256"))


def call(method, path, body=None):
    claims = {
        "sub": "backend",
        "exp": int(time.time()) + 60,
        "rooms": {"shipments:*": ["publish", "subscribe"]},
    }
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {sign(claims, os.environ['JWT_SECRET'])}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as answer:
        raise RoomcastError(**json.load(answer)["error"]) from None


# With an `id`, the event is stored once, even if this program runs again.
event = {"name": "shipment:updated", "data": {"status": "delivered"}, "id": "delivery-981"}
published = call("POST", "/rooms/shipments:42/events", event)
print(f"published as seq {published['seqs'][0]}")

page = call("GET", "/rooms/shipments:42/events?last=10")
for event in page["events"]:
    print(f"read {event['seq']} {event['name']} {event['data']['status']}")

try:
    call("POST", "/rooms/shipments:42/events", {"name": "", "data": 1})
except RoomcastError as error:
    print(f"{error.code}: {error}")
