// Receives webhooks, verifies them, and processes each notification once.
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

const { WEBHOOK_SECRET, PORT = "8000" } = process.env;
const webhook = new Webhook(WEBHOOK_SECRET);

/** Position in each room. Store it in your database, in the transaction of your changes. */
const positions = new Map();

function handle(room, notification) {
  console.log(room, notification.type, notification.user ?? notification.seq ?? "");
}

function receive({ room, epoch, dropped, notifications }) {
  let position = positions.get(room);
  if (position?.epoch !== epoch) position = { epoch, number: 0, seq: 0 };
  if (dropped > 0) console.log(room, "lost", dropped);
  for (const notification of notifications) {
    const { type, number, events = [] } = notification;
    for (const event of events.filter(({ seq }) => seq > position.seq)) {
      handle(room, { ...event, type });
      position.seq = event.seq;
    }
    if (number > position.number) {
      handle(room, notification);
      position.number = number;
    }
  }
  positions.set(room, position);
}

createServer(async (request, response) => {
  try {
    // The signature is of the bytes as they were sent.
    const body = await buffer(request);
    receive(webhook.verify(body, request.headers).data);
    response.writeHead(204).end();
  } catch (error) {
    console.error(String(error));
    response.writeHead(400).end();
  }
}).listen(Number(PORT), "127.0.0.1", () => console.log("listening"));
