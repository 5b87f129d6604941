import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { Project } from "./project.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const OTHER = "fedcba9876543210fedcba9876543210";
const FILES = { ".dev.vars": `JWT_SECRET="${SECRET}"\n` };
const ann = ["--user", "ann", "--room", "chat:*", "--can", "publish"];

/** Returns the claims of a token. Fails if the token is not signed with the secret. */
function claimsOf(token: string, secret: string) {
  const [header, claims, signature] = token.trimEnd().split(".");
  const expected = createHmac("sha256", secret).update(`${header}.${claims}`).digest("base64url");
  assert.equal(signature, expected, "the signature");
  return JSON.parse(Buffer.from(claims!, "base64url").toString());
}

describe("npx roomcast token", () => {
  it("prints a token alone, which expires in an hour", async (t) => {
    const { exitCode, stdout, stderr } = await new Project(t, FILES).run(["token", ...ann]);
    assert.deepEqual([exitCode, stderr], [0, ""]);
    const { exp, ...claims } = claimsOf(stdout, SECRET);
    assert.deepEqual(claims, { sub: "ann", rooms: { "chat:*": ["publish"] } });
    assert.ok(Math.abs(exp - Date.now() / 1_000 - 3_600) < 60);
  });

  it("applies each --can to the rooms before it, and a single --can to all", async (t) => {
    const project = new Project(t, FILES);
    const options = "--can publish --room a --room b:* --user u --for 2d".split(" ");
    const single = claimsOf((await project.run(["token", ...options])).stdout, SECRET);
    assert.deepEqual(single.rooms, { a: ["publish"], "b:*": ["publish"] });
    assert.ok(Math.abs(single.exp - Date.now() / 1_000 - 172_800) < 60);

    const several = "--room a --can publish --room b --room a --can subscribe,publish --user u";
    const { stdout } = await project.run(["token", ...several.split(" ")]);
    assert.deepEqual(claimsOf(stdout, SECRET).rooms, {
      a: ["publish", "subscribe"],
      b: ["subscribe", "publish"],
    });
  });

  it("prefers the secret of the environment to that of .dev.vars", async (t) => {
    const env = { JWT_SECRET: OTHER, JWT_ISSUER: "me", JWT_AUDIENCE: "rooms" };
    const { stdout } = await new Project(t, FILES).run(["token", ...ann], { env });
    const { iss, aud } = claimsOf(stdout, OTHER);
    assert.deepEqual([iss, aud], ["me", "rooms"]);
  });

  it("uses only the file of --secret-file", async (t) => {
    const project = new Project(t, { ...FILES, ".prod.vars": `JWT_SECRET=${OTHER}` });
    const args = ["token", ...ann, "--secret-file", ".prod.vars"];
    const env = { JWT_SECRET: SECRET, JWT_ISSUER: "me" };
    const claims = claimsOf((await project.run(args, { env })).stdout, OTHER);
    assert.equal(claims.iss, undefined);
  });

  it("uses .env if there is no .dev.vars, as wrangler dev does", async (t) => {
    const project = new Project(t, { ".env": `JWT_SECRET=${OTHER}` });
    claimsOf((await project.run(["token", ...ann])).stdout, OTHER);
  });

  for (const [args, message] of [
    ["--room a --can publish", "--user is missing: --user ann"],
    ["--user u", '--room is missing: --room "chat:*"'],
    ["--user u --room a", "--room a: there is no --can for it"],
    ["--user u --can publish", "--can publish: there is no --room for it"],
    ["--user u --room a: --can publish", "--room a:: expected a room name (shipments:42)"],
    ["--user u --room a --can write", "--can write: expected subscribe, publish, presence, admin"],
    ["--user u --room a --can publish --for 5", "--for 5: expected a number and s, m, h or d"],
    ["--user= --room a --can publish", "--user a user must have 1 to 128 characters"],
    ["--user u --room a --can publish b", "Unexpected argument 'b'"],
  ] as const) {
    it(`${args} exits with 2`, async (t) => {
      const { exitCode, stdout, stderr } = await new Project(t, FILES).run([
        "token",
        ...args.split(" "),
      ]);
      assert.deepEqual([exitCode, stdout], [2, ""]);
      assert.ok(stderr.startsWith(`roomcast: ${message}`), stderr);
    });
  }

  for (const [name, files, args, message] of [
    ["no secret", {}, ann, "JWT_SECRET is missing: npx roomcast init writes it to .dev.vars"],
    [
      "a short secret",
      { ".dev.vars": "JWT_SECRET=short" },
      ann,
      "JWT_SECRET must be at least 32 bytes long, not 5",
    ],
    ["no file", FILES, [...ann, "--secret-file", "no"], "there is no file no"],
    [
      "a file without a secret",
      { other: "A=1" },
      [...ann, "--secret-file", "other"],
      "other has no JWT_SECRET",
    ],
  ] as const) {
    it(`with ${name} exits with 1`, async (t) => {
      const { exitCode, stderr } = await new Project(t, files).run(["token", ...args]);
      assert.deepEqual([exitCode, stderr], [1, `roomcast: ${message}\n`]);
    });
  }
});
