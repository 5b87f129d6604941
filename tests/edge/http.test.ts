import assert from "node:assert/strict";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Socket } from "./client.ts";
import { claims, sign } from "./jwt.ts";
import { Runtime, SECRET } from "./runtime.ts";

const APP = "https://app.example.com";
const token = sign(claims("alice", ["subscribe", "publish", "admin"]), SECRET);
let runtime: Runtime;
before(async () => {
  const origins = `${APP}, https://admin.example.com`;
  runtime = await Runtime.start({ vars: { JWT_SECRET: SECRET, ALLOWED_ORIGINS: origins } });
});
after(() => runtime.stop());

test("GET /healthz needs no token", async () => {
  const answer = await send("GET", "/healthz", { token: null });
  assert.deepEqual([answer.status, answer.text], [200, "ok"]);
});

describe("paths are exact", () => {
  const nowhere = [
    "/",
    "/rooms/",
    "/metrics/",
    "/rooms/r/",
    "/rooms/r/events/",
    "/rooms/r/state/",
    "/rooms/r/events/1",
    "/rooms/r/event",
    "/rooms/r//events",
    "//rooms/r/events",
    "/Rooms/r/events",
    "/rooms/r/Events",
    "/rooms/r/%65vents",
    "/rooms/r%2Fevents/",
    "/events/",
    "/healthz/",
    "/Healthz",
  ];
  for (const path of nowhere) {
    test(`${path} is answered with not_found for any method, with and without a token`, async () => {
      for (const method of ["GET", "POST", "DELETE"]) {
        for (const by of [token, null]) {
          assertError(await send(method, path, { token: by, body: "{}" }), 404, "not_found");
        }
      }
    });
  }

  // A tolerant router would turn some of these invalid names into the name of another room.
  const invalid = ["a%2Fb", "a%5Cb", "a%00", "%00", "%ZZ", "%C3%A9", "%FF", "a%20b", "a%25", "a+b"];
  const segmented = [":", "a:", ":a", "a::b"];
  for (const room of [...invalid, ...segmented, "", "r".repeat(201)]) {
    test(`${room.slice(0, 20) || "the empty name"} is not a room name`, async () => {
      for (const [method, rest] of [
        ["GET", ""],
        ["DELETE", ""],
        ["GET", "/events"],
        ["GET", "/state"],
      ]) {
        const answer = await send(method!, `/rooms/${room}${rest}`);
        if (answer.status === 404) assertError(answer, 404, "not_found");
        else assertError(answer, 400, "bad_request");
      }
    });
  }

  test("a percent-encoded room name refers to the same room", async () => {
    const published = await send("POST", "/rooms/a%3Ab%2c%41/events", { body: EVENT });
    assert.equal(published.status, 201, published.text);
    const page = await send("GET", "/rooms/a:b,A/events");
    assert.equal(page.json.head, 1);
    assert.equal(page.json.room, "a:b,A");
  });

  test("a room name may have 200 characters, and may contain every allowed character", async () => {
    for (const room of ["r".repeat(200), "A-Za-z0-9_-=@,.;:x", "...", "a."]) {
      const answer = await send("POST", `/rooms/${room}/events`, { body: EVENT });
      assert.equal(answer.status, 201, answer.text);
      assert.equal(answer.json.room, room);
    }
  });
});

describe("a method that the path does not support is answered with method_not_allowed", () => {
  const allowed = {
    "/healthz": "GET",
    "/events": "POST",
    "/rooms/r": "GET, DELETE",
    "/rooms/r/events": "GET, POST",
    "/rooms/r/state": "GET",
    "/rooms/r/signals": "POST",
    "/rooms/r/members": "GET, DELETE",
  };
  for (const [path, methods] of Object.entries(allowed)) {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      if (methods.includes(method)) continue;
      test(`${method} ${path}, and the header Allow lists the others`, async () => {
        const answer = await send(method, path, { body: "{}" });
        assertError(answer, 405, "method_not_allowed");
        assert.equal(answer.headers.allow, methods);
      });
    }
  }

  test("HEAD is no supported method", async () => {
    const answer = await send("HEAD", "/healthz");
    assert.deepEqual([answer.status, answer.headers.allow, answer.text], [405, "GET", ""]);
  });
});

describe("a body", () => {
  test("is parsed as JSON with any Content-Type", async () => {
    const types = [
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/json; charset=latin1",
      "",
    ];
    for (const type of types) {
      const answer = await send("POST", "/rooms/typed/events", {
        body: EVENT,
        headers: { "content-type": type },
      });
      assert.equal(answer.status, 201, type);
    }
  });

  test("of more than 1 MiB is rejected with too_large, also without a Content-Length", async () => {
    // The server answers after the headers. Then it closes the socket, so the rest of the body could
    // not be sent.
    const declared = { body: EVENT, headers: { "content-length": String(1024 * 1024 + 1) } };
    assertError(await send("POST", "/rooms/large/events", declared), 413, "too_large");
    assertError(await send("POST", "/events", declared), 413, "too_large");
    const chunked = {
      body: EVENT.padEnd(1024 * 1024 + 1),
      headers: { "transfer-encoding": "chunked" },
    };
    assertError(await send("POST", "/rooms/large/events", chunked), 413, "too_large");
    const fits = await send("POST", "/rooms/large/events", { body: EVENT.padEnd(1024 * 1024) });
    assert.equal(fits.json.seqs[0], 1, "the rejected bodies appended nothing");
  });

  test("that is not UTF-8 is rejected with bad_request", async () => {
    const body = Buffer.from('{"name":"n","data":"\xff"}', "latin1");
    assertError(await send("POST", "/rooms/r/events", { body }), 400, "bad_request");
  });
});

test("any JSON data is delivered byte for byte", async () => {
  const values = [
    "1.0",
    "-0",
    "1e400",
    "1E+2",
    "12345678901234567890",
    "0.1000000000000000055511151231257827",
    '{ "b" : 1 ,\n"a":\t[ ] }',
    '{"a":1,"a":2}',
    '{"__proto__":{"x":1}}',
    '"\\u00e9 \\/ é \\u2028 \\ud83d\\ude00 😀"',
    '"]}, [{ \\" \\\\"',
    '"\\u0000\\u001f"',
    "[[[[[[[[[[null]]]]]]]]]]",
  ];
  const socket = await Socket.open(`${runtime.url}/rooms/bytes/events`, { token });
  const { epoch } = await socket.until("welcome");
  for (const [i, value] of values.entries()) {
    const published = await send("POST", "/rooms/bytes/events", {
      body: `{"data":${value},"name":"n"}`,
    });
    assert.equal(published.status, 201, published.text);
    await socket.until("events");
    const page = await send("GET", `/rooms/bytes/events?since=${epoch}:${i}`);
    for (const text of [socket.text, page.text]) assert(text.includes(`"data":${value},"`), text);
  }
  socket.close();
});

describe("an error", () => {
  test("has a code and a message without a stack or a token", async () => {
    const wrong = [
      await send("GET", "/rooms/r/events", { token: `${token}x` }),
      await send("GET", "/rooms/r/events", { token: null }),
      await send("GET", `/rooms/r/events?token=${token}x`, { token: null }),
      await send("POST", "/rooms/r/events", { body: '{"secret":"hunter2"' }),
      await send("GET", "/rooms/r/events?since=hunter2"),
      await send("GET", "/nowhere"),
    ];
    for (const { text, headers } of wrong) {
      const { error, ...more } = JSON.parse(text);
      assert.deepEqual(more, {});
      assert.deepEqual(Object.keys(error).sort(), ["code", "message"]);
      assert.match(headers["content-type"] ?? "", /^application\/json/);
      assert.doesNotMatch(text, /eyJ|\bat [\w.]+ ?\(|\.(js|rs|wasm)\b|panic/);
    }
  });

  test("can be read by a page of an allowed origin", async () => {
    const refused = await send("GET", "/rooms/r/events", { token: null, headers: { origin: APP } });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers["access-control-allow-origin"], APP);
  });
});

describe("CORS", () => {
  test("a page of an allowed origin may read responses", async () => {
    for (const origin of [APP, "https://admin.example.com"]) {
      const { headers } = await send("GET", "/rooms/r/events", { headers: { origin } });
      assert.equal(headers["access-control-allow-origin"], origin);
      assert.match(
        headers.vary ?? "",
        /\borigin\b/i,
        "a cache must not return it to another origin",
      );
    }
  });

  test("a page of another origin may not read responses", async () => {
    const others = [
      "https://evil.example.com",
      "http://app.example.com",
      `${APP}:8443`,
      `${APP}.evil.com`,
      "null",
    ];
    for (const origin of others) {
      const { headers } = await send("GET", "/rooms/r/events", { headers: { origin } });
      assert.equal(headers["access-control-allow-origin"], undefined, origin);
    }
  });

  test("a preflight allows every method of the API, and a token", async () => {
    const headers = {
      origin: APP,
      "access-control-request-method": "DELETE",
      "access-control-request-headers": "authorization",
    };
    const answer = await send("OPTIONS", "/rooms/r", { token: null, headers });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers["access-control-allow-origin"], APP);
    for (const method of ["GET", "POST", "DELETE"]) {
      assert(answer.headers["access-control-allow-methods"]?.includes(method), method);
    }
    assert.match(answer.headers["access-control-allow-headers"] ?? "", /authorization/i);
  });

  test("an ALLOWED_ORIGINS of * allows every origin", async (t) => {
    const open = await Runtime.start({ vars: { JWT_SECRET: SECRET, ALLOWED_ORIGINS: "*" } });
    t.after(() => open.stop());
    const answer = await fetch(`${open.url}/healthz`, {
      headers: { origin: "https://any.example.com" },
    });
    const allowed = answer.headers.get("access-control-allow-origin");
    assert(allowed === "*" || allowed === "https://any.example.com", String(allowed));
    assert.equal(answer.headers.get("access-control-allow-credentials"), null);
  });
});

describe("a body that ends too early is answered with bad_request", () => {
  for (const [head, body] of [
    ["content-length: 1000", "0123456789"],
    ["transfer-encoding: chunked", "a\r\n0123456789\r\n"],
  ] as const) {
    test(head, async () => {
      const port = Number(new URL(runtime.url).port);
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      const authorization = `authorization: Bearer ${token}`;
      const lines = ["POST /rooms/r/events HTTP/1.1", "host: r", authorization, head, "", body];
      socket.end(lines.join("\r\n"));
      const answer = Buffer.concat(await socket.toArray()).toString();
      assert.match(answer, /^HTTP\/1\.1 400 .*"code":"bad_request"/s);
    });
  }
});

const EVENT = '{"name":"n","data":1}';

interface RequestOptions {
  token?: string | null;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  readonly json: any;
}

/** Sends a request with exactly this path. `fetch` would normalize the path. */
function send(
  method: string,
  path: string,
  { token: by = token, headers = {}, body }: RequestOptions = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { hostname, port } = new URL(runtime.url);
  const authorization = by === null ? {} : { authorization: `Bearer ${by}` };
  // Node sends no Content-Length for some methods. Without a Content-Length, the server would parse
  // the body as the next request.
  const length =
    "transfer-encoding" in headers ? {} : { "content-length": Buffer.byteLength(body ?? "") };
  const all = { ...authorization, ...length, ...headers };
  const sent = request({ hostname, port, method, path, headers: all });
  sent.on("response", async (response) => {
    const chunks: Buffer[] = await response.toArray();
    const text = Buffer.concat(chunks).toString();
    resolve({
      status: response.statusCode ?? 0,
      headers: response.headers,
      text,
      get json() {
        return JSON.parse(text);
      },
    });
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

function assertError({ status, text }: Answer, expected: number, code: string): void {
  assert.equal(status, expected, text);
  assert.equal(JSON.parse(text).error.code, code);
}
