import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { createToken, type TokenOptions } from "../src/token.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const options = (given: object = {}): TokenOptions => ({
  user: "ann",
  rooms: { "chat:*": ["subscribe", "publish"] },
  expiresInSeconds: 60,
  ...given,
});

const decode = (part: string | undefined) =>
  JSON.parse(Buffer.from(part!, "base64url").toString("utf8"));

describe("createToken", () => {
  it("signs the claims with HS256", async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: 1_800_000_000_900 });
    const token = await createToken(SECRET, options({ issuer: "me", audience: "rooms" }));
    const [header, claims, signature] = token.split(".");
    assert.deepEqual(decode(header), { alg: "HS256", typ: "JWT" });
    assert.deepEqual(decode(claims), {
      sub: "ann",
      exp: 1_800_000_060,
      iss: "me",
      aud: "rooms",
      rooms: { "chat:*": ["subscribe", "publish"] },
    });
    const expected = createHmac("sha256", SECRET).update(`${header}.${claims}`);
    assert.equal(signature, expected.digest("base64url"));
  });

  it("encodes any user and secret as UTF-8", async () => {
    const user = "Zoë 🙂".padEnd(128, "ü");
    const secret = "ß".repeat(16);
    const [header, claims, signature] = (await createToken(secret, options({ user }))).split(".");
    assert.equal(decode(claims).sub, user);
    const expected = createHmac("sha256", secret).update(`${header}.${claims}`);
    assert.equal(signature, expected.digest("base64url"));
  });

  for (const [given, message] of [
    [{ user: "" }, /a user must have 1 to 128 characters/],
    [{ user: "🙂".repeat(129) }, /a user must have 1 to 128 characters/],
    [{ rooms: { "chat:": ["publish"] } }, /chat:: expected a room name/],
    [{ rooms: { "chat*": ["publish"] } }, /chat\*: expected a room name/],
    [{ rooms: { "..": ["publish"] } }, /\.\.: expected a room name/],
    [{ rooms: { ["a".repeat(201)]: ["publish"] } }, /expected a room name/],
    [{ rooms: { chat: ["write"] } }, /write: expected subscribe, publish, presence, admin/],
    [
      { rooms: Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`r:${n}`, ["admin"]])) },
      /the token would have \d+ bytes, and may have 8192: list fewer rooms/,
    ],
    [{ expiresInSeconds: 0 }, /expiresInSeconds must be a positive number, not 0/],
    [{ expiresInSeconds: NaN }, /expiresInSeconds must be a positive number, not NaN/],
  ] as const) {
    it(`rejects ${JSON.stringify(given).slice(0, 60)}`, () =>
      assert.rejects(createToken(SECRET, options(given)), { name: "TypeError", message }));
  }

  it("rejects a secret of fewer than 32 bytes", async () => {
    const message = "JWT_SECRET must be at least 32 bytes long, not 31";
    await assert.rejects(createToken(SECRET.slice(1), options()), { name: "TypeError", message });
  });
});
