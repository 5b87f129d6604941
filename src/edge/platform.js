import { log } from "./log.js";

/** Headers of a JSON body. All responses share this object, because creating it costs 3 µs. */
const JSON_HEADERS = new Headers({
  "content-type": "application/json",
  "cache-control": "no-store",
});

/** Header with a user's identity as JSON. It is percent-encoded, because a header is Latin-1. */
const IDENTITY = "roomcast-identity";
/** Header that marks a bridge's socket: its flow control window in bytes. */
const BRIDGE = "roomcast-bridge";
const TRANSPORT = "roomcast-transport";
const SUBPROTOCOLS = "sec-websocket-protocol";
const REQUEST_ID = "x-request-id";

/**
 * Returns the stub of a room. `address` is `RoomSettings::address`: the room's name, and if it has a
 * place, lines with its jurisdiction and its location hint. Every caller of a room uses this
 * function, because the same name in another jurisdiction is another object.
 */
function stubOf({ ROOMS }, address) {
  if (!address.includes("\n")) return ROOMS.getByName(address);
  const [room, jurisdiction, locationHint] = address.split("\n");
  const rooms = jurisdiction === "" ? ROOMS : (within(ROOMS, jurisdiction) ?? ROOMS);
  return rooms.getByName(room, locationHint === "" ? undefined : { locationHint });
}

let warned = false;

/**
 * Returns the part of a namespace in a jurisdiction. On this machine there is none: workerd throws
 * an error that Cloudflare does not have. Then returns `undefined`.
 */
function within(rooms, jurisdiction) {
  try {
    return rooms.jurisdiction(jurisdiction);
  } catch (cause) {
    if (!String(cause).includes("not implemented in workerd")) throw cause;
    if (!warned) log("warn", "jurisdiction_ignored", { cause: String(cause) });
    warned = true;
  }
}

/**
 * Returns whether the object with this state is in the jurisdiction of its room. It is not if a
 * worker called it without `stubOf`, or if the setting has changed.
 */
export function isInPlace({ ROOMS }, { id }, jurisdiction) {
  if ((id.jurisdiction ?? undefined) === jurisdiction) return true;
  return jurisdiction !== undefined && within(ROOMS, jurisdiction) === undefined;
}

/**
 * Sends an upgrade to a room, and resolves with the room's response. The request has only the
 * headers that are set here, so a client can't forge them. If the room refuses the upgrade, the
 * promise rejects with the text of the refusal.
 */
export async function upgrade(env, address, url, identity, transport, windowBytes, subprotocols) {
  const headers = { upgrade: "websocket", [IDENTITY]: encodeURIComponent(identity) };
  if (transport !== undefined) headers[TRANSPORT] = transport;
  if (windowBytes !== undefined) headers[BRIDGE] = windowBytes;
  if (subprotocols !== undefined) headers[SUBPROTOCOLS] = subprotocols;
  const response = await stubOf(env, address).fetch(url, { headers });
  if (response.status !== 101) throw await response.text();
  return response;
}

/** Resolves with the response for the client. `refuse` creates it from the cause of a rejection. */
export async function answerUpgrade(upgrading, refuse, subprotocols) {
  try {
    return await upgrading;
  } catch (cause) {
    return refuse(cause, subprotocols);
  }
}

/** Returns the parts of a request that `upgrade` sent, each on its own line. */
export function partsOf({ url, headers }) {
  const identity = decodeURIComponent(headers.get(IDENTITY) ?? "");
  const names = ["upgrade", BRIDGE, SUBPROTOCOLS, TRANSPORT];
  const values = names.map((name) => headers.get(name) ?? "");
  return [url, identity, ...values].join("\n");
}

/** Creates the response that gives the client its end of a socket. */
export function upgraded(webSocket, subprotocol) {
  const init = { status: 101, webSocket };
  if (subprotocol !== undefined) init.headers = { [SUBPROTOCOLS]: subprotocol };
  return new Response(null, init);
}

/**
 * Sends a request to a room, and resolves with the room's answer. This method costs less than
 * `fetch`, because it needs no headers. If `takesReport`, the answer may have the room's report, and
 * the caller delivers it.
 */
export async function callRoom(env, address, call, body, takesReport) {
  return stubOf(env, address).request(call, body, takesReport);
}

/** Calls several rooms, each with its own body, if there are any. Resolves with their answers. */
export function callRooms(env, addresses, calls, bodies, takeReports) {
  const answers = addresses.map((address, index) =>
    callRoom(env, address, calls[index], bodies[index], takeReports),
  );
  return Promise.all(answers);
}

/**
 * Sends a request to a room, and resolves with the response for the client. `body` may be a promise.
 * `unreadable` and `unreachable` are the answers if the body can't be read, and if the room can't
 * be reached. `observe` counts the answer, unless it is `undefined`.
 *
 * This function waits in JavaScript. In the WebAssembly, each wait costs two closures and a task.
 */
export async function forward(
  env,
  context,
  address,
  kind,
  call,
  body,
  unreadable,
  unreachable,
  observe,
) {
  let sent;
  try {
    sent = await body;
  } catch {
    return response(400, unreadable);
  }
  try {
    // The runtime's clock advances only while the worker waits.
    const start = Date.now();
    const answer = await callRoom(env, address, call, sent, observe !== undefined);
    const { status, body, retryAfter, bytes = 0, report } = answer;
    const tookMs = Date.now() - start;
    const isLimited = retryAfter !== undefined;
    observe?.(env, context, kind, tookMs, isLimited, bytesOf(sent), bytes, report);
    return response(status, body, retryAfter);
  } catch (cause) {
    const [room] = address.split("\n");
    log("error", "room_unreachable", { room, cause: String(cause) });
    return response(500, unreachable);
  }
}

const encoder = new TextEncoder();

/** Returns the size of a body: a string, an `ArrayBuffer` or `undefined`. */
function bytesOf(body) {
  return typeof body === "string" ? encoder.encode(body).length : (body?.byteLength ?? 0);
}

/** Reports in one call. An invocation may write at most 250 data points. */
const REPORTS_AT_ONCE = 200;

/** Sends reports to a shard of the directory. */
export async function sendReports(env, shard, reports) {
  for (let from = 0; from < reports.length; from += REPORTS_AT_ONCE)
    await record(env, shard, reports.slice(from, from + REPORTS_AT_ONCE));
}

/**
 * Sends some reports. Tries again, since the shard may just move to another machine. A shard ignores
 * a report that it has already.
 */
async function record({ ROOMS }, shard, reports) {
  for (const waitMs of [500, 2_000, 0]) {
    try {
      return await ROOMS.getByName(`directory/${shard}`).record(reports);
    } catch (cause) {
      if (waitMs === 0) log("error", "reports_lost", { shard, cause: String(cause) });
      else await scheduler.wait(waitMs);
    }
  }
}

/**
 * Sends a webhook. Resolves with `undefined` if the receiver accepted it, and otherwise with the
 * reason. A timer or an open response would keep the object active, and billed, so both end here.
 * Redirects are not followed, because only the operator decides who receives notifications.
 */
export async function sendWebhook(url, headers, body, timeoutMs) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: [["content-type", "application/json"], ...headers.map((line) => line.split(": "))],
      body,
      redirect: "manual",
      signal: controller.signal,
    });
    await response.body?.cancel();
    return response.ok ? undefined : `answered ${response.status}`;
  } catch (cause) {
    return controller.signal.aborted ? `no answer within ${timeoutMs} ms` : String(cause);
  } finally {
    clearTimeout(timer);
  }
}

/** Lists rooms, or sums the metrics: resolves with the answer of each shard. */
export function readDirectory({ ROOMS }, shards, query) {
  const stubs = Array.from({ length: shards }, (_, shard) => ROOMS.getByName(`directory/${shard}`));
  return Promise.all(stubs.map((stub) => (query === undefined ? stub.sums() : stub.rooms(query))));
}

/**
 * Logs an answer whose status is at least `minStatus`, and adds the id of the request to it, so that
 * its line can be found. A refused upgrade has its status and its code in `refusedStatus` and
 * `refusedCode`, because its answer has status 101.
 */
export async function logAnswer(responding, request, minStatus, refusedStatus, refusedCode) {
  const start = Date.now();
  const response = await responding;
  const status = refusedStatus ?? response.status;
  if (status < minStatus) return response;
  const level = status >= 500 ? "error" : status >= 400 ? "warn" : "info";
  // Cloudflare's own id of the request, which its answer has too.
  const id = request.headers.get("cf-ray") ?? crypto.randomUUID();
  const { method, url } = request;
  // The query may contain a token.
  const path = new URL(url).pathname;
  const ms = Date.now() - start;
  log(level, "request", { request: id, method, path, status, code: refusedCode, ms });
  if (response.status !== 101) response.headers.set(REQUEST_ID, id);
  return response;
}

/** Longest index of a data point in bytes. */
const INDEX_BYTES = 96;

/** Writes a data point to Workers Analytics Engine, if the binding is set. */
export function writeDataPoint({ ANALYTICS }, reporter, doubles) {
  const indexes = [reporter.slice(0, INDEX_BYTES)];
  ANALYTICS?.writeDataPoint({ indexes, blobs: [reporter], doubles: [...doubles] });
}

/** Creates a response with JSON or without a body. `retryAfter` is in seconds. */
export function response(status, body, retryAfter) {
  if (body === undefined) return new Response(null, { status });
  const created = new Response(body, { status, headers: JSON_HEADERS });
  if (retryAfter !== undefined) created.headers.set("retry-after", retryAfter);
  return created;
}

/** Text in the console's page, which no page of another app has. */
const CONSOLE_MARK = 'name="roomcast-console"';

/**
 * Reads the console's page or a file of it from the static assets. Resolves with `undefined` if the
 * assets lack it. Then an app of one page (`not_found_handling`) would answer with its own page.
 */
export async function consoleFile({ ASSETS }, request) {
  if (ASSETS === undefined) return undefined;
  const file = await ASSETS.fetch(request);
  const isPage = file.ok && file.headers.get("content-type")?.startsWith("text/html");
  if (isPage && !(await file.clone().text()).includes(CONSOLE_MARK)) return undefined;
  if (file.status === 404) return undefined;
  const response = new Response(file.body, file);
  const { protocol, host } = new URL(request.url);
  // Not every browser counts a WebSocket of the page's own host as 'self'.
  const socket = `${protocol.replace("http", "ws")}//${host}`;
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${socket}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ];
  response.headers.set("content-security-policy", policy.join("; "));
  response.headers.set("x-content-type-options", "nosniff");
  response.headers.set("referrer-policy", "no-referrer");
  return response;
}

/** Adds the headers that allow pages of an origin to read a response. */
export async function addCors(responding, origin, credentials) {
  const response = await responding;
  const { headers } = response;
  headers.set("access-control-allow-origin", origin);
  headers.append("vary", "origin");
  headers.set("access-control-expose-headers", `retry-after, allow, ${REQUEST_ID}`);
  if (credentials) headers.set("access-control-allow-credentials", "true");
  return response;
}

/** Reads a stream. Resolves with its bytes, or with `null` if it has more than `bytesMax`. */
export async function readStream(stream, bytesMax) {
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.byteLength;
    if (length > bytesMax) return null;
    chunks.push(chunk);
  }
  return new Blob(chunks).arrayBuffer();
}
