"""Receives webhooks, verifies them, and processes each notification once."""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))

# Position in each room. Store it in your database, in the transaction of your
# changes. Then lock the row of the room: batches of different rooms are parallel.
positions = {}


def verify(headers, body):
    """Raises a ValueError unless the worker has signed the body."""
    identifier = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if abs(time.time() - int(timestamp)) > 300:
        raise ValueError("the webhook is too old")
    signed = f"{identifier}.{timestamp}.".encode() + body
    digest = hmac.digest(SECRET, signed, hashlib.sha256)
    expected = "v1," + base64.b64encode(digest).decode()
    signatures = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise ValueError("the signature is wrong")


def handle(room, kind, what):
    print(room, kind, what, flush=True)


def receive(data):
    room, epoch = data["room"], data["epoch"]
    position = positions.get(room)
    if position is None or position["epoch"] != epoch:
        position = {"epoch": epoch, "number": 0, "seq": 0}
    if data["dropped"] > 0:
        print(room, "lost", data["dropped"], flush=True)
    for notification in data["notifications"]:
        for event in notification.get("events", []):
            if event["seq"] > position["seq"]:
                handle(room, notification["type"], event["seq"])
                position["seq"] = event["seq"]
        if notification.get("number", 0) > position["number"]:
            handle(room, notification["type"], notification.get("user") or "")
            position["number"] = notification["number"]
    positions[room] = position


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            verify(self.headers, body)
            receive(json.loads(body)["data"])
            self.send_response(204)
        except ValueError as error:
            print(error, flush=True)
            self.send_response(400)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Receiver)
print("listening", flush=True)
server.serve_forever()
