// node bench/tokens.ts [count]
//
// Measures the CPU that the built worker (`make build`) needs to verify a token of each algorithm.
// Sends requests with a valid token that grants nothing. Subtracts the CPU of workerd for requests
// whose token is not a JWT. No request reaches a room.
import { type KeyObject, generateKeyPairSync } from "node:crypto";
import { claims, sign } from "../tests/edge/jwt.ts";
import { Runtime, SECRET } from "../tests/edge/runtime.ts";
import { cpuMs } from "./process.ts";

const COUNT = Number(process.argv[2] ?? 2_000);
const CONCURRENCY = 8;

const rsa2048 = generateKeyPairSync("rsa", { modulusLength: 2048 });
const rsa4096 = generateKeyPairSync("rsa", { modulusLength: 4096 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: "jwk" }), kid });
const keys = [
  jwk(rsa2048.publicKey, "rsa2048"),
  jwk(rsa4096.publicKey, "rsa4096"),
  jwk(ec.publicKey, "ec"),
  jwk(ed.publicKey, "ed"),
];

const nothing = claims("alice", []);
const tokens = {
  HS256: sign(nothing, SECRET),
  "RS256, 2,048 bits": sign(nothing, rsa2048.privateKey, { kid: "rsa2048" }, "RS256"),
  "RS256, 4,096 bits": sign(nothing, rsa4096.privateKey, { kid: "rsa4096" }, "RS256"),
  ES256: sign(nothing, ec.privateKey, { kid: "ec" }, "ES256"),
  EdDSA: sign(nothing, ed.privateKey, { kid: "ed" }, "EdDSA"),
};

const runtime = await Runtime.start({
  vars: { JWT_SECRET: SECRET, JWT_JWKS: JSON.stringify({ keys }) },
});
try {
  const noToken = "a".repeat(tokens.HS256.length);
  await msPerRequest(noToken, 401); // The first requests are slower.
  const base_ms = await msPerRequest(noToken, 401);
  console.log(`| algorithm | CPU |\n| --- | --- |`);
  for (const [algorithm, token] of Object.entries(tokens)) {
    const ms = (await msPerRequest(token, 403)) - base_ms;
    console.log(`| ${algorithm} | ${Math.max(0, ms).toFixed(2)} ms |`);
  }
} finally {
  await runtime.stop();
}

async function msPerRequest(token: string, status: number): Promise<number> {
  const before = await cpuMs(runtime.pid);
  const headers = { authorization: `Bearer ${token}` };
  let left = COUNT;
  const request = async () => {
    while (left-- > 0) {
      const answer = await fetch(`${runtime.url}/rooms/r`, { headers });
      if (answer.status !== status) throw new Error(`${answer.status}: ${await answer.text()}`);
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, request));
  return ((await cpuMs(runtime.pid)) - before) / COUNT;
}
