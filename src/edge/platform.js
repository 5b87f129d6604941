/** Headers of a JSON body. All responses share this object, because creating it costs 3 µs. */
export const JSON_HEADERS = new Headers({
  "content-type": "application/json",
  "cache-control": "no-store",
});

/**
 * Sends a request to a room, and resolves with the response for the client. `body` may be a promise.
 * If the room can't be reached, the response has the body `unreachable`.
 *
 * This function waits in JavaScript. In the WebAssembly, each wait costs two closures and a task.
 */
export async function forward(room, method, target, identity, body, unreachable) {
  try {
    return responseOf(await room.request(method, target, identity, await body));
  } catch (cause) {
    console.error(String(cause));
    return new Response(unreachable, { status: 500, headers: JSON_HEADERS });
  }
}

function responseOf({ status, body, retryAfter }) {
  if (body === undefined) return new Response(null, { status });
  const response = new Response(body, { status, headers: JSON_HEADERS });
  if (retryAfter !== undefined) response.headers.set("retry-after", retryAfter);
  return response;
}

/** Adds the headers that allow pages of an origin to read a response. */
export async function addCors(responding, origin, credentials) {
  const response = await responding;
  const { headers } = response;
  headers.set("access-control-allow-origin", origin);
  headers.append("vary", "origin");
  headers.set("access-control-expose-headers", "retry-after");
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
