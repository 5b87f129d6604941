/** Compares the webhooks in docs/openapi.yaml with those that the worker sends. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { Socket } from "../edge/client.ts";
import { HookReceiver } from "../edge/hook-receiver.ts";
import { Room, tokenOf } from "../edge/room.ts";

const api = parse(readFileSync(new URL("../../docs/openapi.yaml", import.meta.url), "utf8"));

/** The types of notifications that the description has. */
const TYPES = [
  "room.occupied",
  "member.entered",
  "events.published",
  "session.closed",
  "member.left",
  "room.vacated",
];

test("each kind of notification has the described form", async (t) => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(api, "openapi");
  const validate = ajv.compile({ $ref: "openapi#/components/schemas/Notifications" });

  const receiver = await HookReceiver.of(t);
  const room = await Room.of(t, receiver.options);
  const token = tokenOf("alice", ["subscribe", "presence"]);
  const socket = await Socket.open(`${room.url}/events`, { token });
  await socket.until("welcome");
  socket.send({ type: "enter" });
  await socket.until("members");
  await room.publish({ name: "n", data: { a: 1 }, id: "i", key: "k" });
  await receiver.until("the event", () => receiver.seq === 1);
  socket.close();
  await receiver.until("the end", () =>
    receiver.notifications.some(({ type }) => type === "room.vacated"),
  );

  const types = new Set<string>();
  for (const body of receiver.bodies) {
    assert(validate(body), JSON.stringify([validate.errors, body]));
    const { data } = body as { data: { notifications: { type: string }[] } };
    for (const { type } of data.notifications) types.add(type);
  }
  assert.deepEqual([...types].sort(), TYPES.toSorted());
  assert(!validate({ type: "room.notifications", timestamp: "", data: { notifications: [{}] } }));
});
