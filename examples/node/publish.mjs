// Publishes an event, reads it back, and handles an error.
import { createBackend, createToken, RoomcastError } from "roomcast/server";

const { ROOMCAST_URL, JWT_SECRET } = process.env;

const backend = createBackend({
  url: ROOMCAST_URL,
  token: () =>
    createToken(JWT_SECRET, {
      user: "backend",
      rooms: { "shipments:*": ["publish", "subscribe"] },
      expiresInSeconds: 60,
    }),
});

// With an `id`, the event is stored once, even if this program runs again.
const data = { status: "delivered" };
const seq = await backend.publish("shipments:42", "shipment:updated", data, { id: "delivery-981" });
console.log(`published as seq ${seq}`);

const page = await backend.history("shipments:42", { last: 10 });
for (const event of page.events) {
  console.log(`read ${event.seq} ${event.name} ${event.data.status}`);
}

try {
  await backend.publish("shipments:42", "", data);
} catch (error) {
  if (!(error instanceof RoomcastError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
