/**
 * A worker around the worker under test. It records the calls of that worker to rooms, or answers
 * them in place of the rooms. It also passes the calls of a test to the rooms' objects.
 */
import worker, { RoomObject } from "./index.js";

export { RoomObject };

/** The calls of the worker under test so far, in order. */
let calls = [];
/** Answers for the next calls, in place of the rooms. */
let answers = [];

/** Namespace that the worker under test has as its binding `ROOMS`. */
const recording = (rooms) => ({
  getByName: (room) => ({
    async request(call, body) {
      const sent = { room, call, ...(body !== undefined && { body: textOf(body) }) };
      calls.push(sent);
      sent.answer = answers.shift() ?? (await rooms.getByName(room).request(call, body));
      return sent.answer;
    },

    async fetch(url, { headers }) {
      const sent = { room, url, headers };
      calls.push(sent);
      const given = answers.shift();
      if (given?.status === 101) return playedSocket(given, sent);
      if (given) return new Response(given.text, { status: given.status });
      return recordedSocket(await rooms.getByName(room).fetch(url, { headers }), sent);
    },
  }),
});

const PING = '{"type":"ping"}';
const PONG = '{"type":"pong"}';

const textOf = (data) => (typeof data === "string" ? data : new TextDecoder().decode(data));

/** A frame in JSON: a text, or the text of a binary frame in an object. */
const frameOf = (data) => (typeof data === "string" ? data : { binary: textOf(data) });

/**
 * Forwards the frames of an upgrade in both directions, and records them. The runtime answers pings,
 * so they are not recorded.
 */
async function recordedSocket(response, sent) {
  const { status, webSocket: room } = response;
  if (status !== 101) {
    const text = await response.text();
    sent.answer = { status, text };
    return new Response(text, { status });
  }
  const subprotocol = response.headers.get("sec-websocket-protocol");
  sent.answer = { status, subprotocol, frames: [] };
  sent.frames = [];
  const [inner, outer] = Object.values(new WebSocketPair());
  for (const socket of [room, outer]) {
    socket.binaryType = "arraybuffer";
    socket.accept();
  }
  let pings = 0;
  outer.addEventListener("message", ({ data }) => {
    if (data === PING) pings += 1;
    else sent.frames.push(frameOf(data));
    room.send(data);
  });
  room.addEventListener("message", ({ data }) => {
    if (data === PONG && pings > 0) pings -= 1;
    else sent.answer.frames.push({ after: sent.frames.length, text: data });
    outer.send(data);
  });
  outer.addEventListener("close", () => room.close(1000));
  return upgraded(inner, subprotocol);
}

/** Plays a recorded room, which sends each frame after the same number of the worker's frames. */
function playedSocket(answer, sent) {
  const [inner, outer] = Object.values(new WebSocketPair());
  const frames = [...answer.frames];
  const send = () => {
    while (frames.length > 0 && frames[0].after <= sent.frames.length)
      outer.send(frames.shift().text);
  };
  sent.answer = answer;
  sent.frames = [];
  outer.binaryType = "arraybuffer";
  outer.accept();
  outer.addEventListener("message", ({ data }) => {
    if (data === PING) return outer.send(PONG);
    sent.frames.push(frameOf(data));
    send();
  });
  send();
  return upgraded(inner, answer.subprotocol);
}

function upgraded(webSocket, subprotocol) {
  const headers = subprotocol ? { "sec-websocket-protocol": subprotocol } : {};
  return new Response(null, { status: 101, webSocket, headers });
}

/** Sends a call to a room's object. Returns the answer, which must not be a socket. */
async function send(rooms, { room, call, body, url, headers }) {
  const stub = rooms.getByName(room);
  if (call !== undefined) return { ...(await stub.request(call, body)) };
  const response = await stub.fetch(url, { headers });
  response.webSocket?.accept();
  response.webSocket?.close();
  return { status: response.status, text: await response.text() };
}

export default {
  async fetch(request, env, context) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/recorded/calls":
        return Response.json(calls);
      case "/recorded/play":
        calls = [];
        answers = await request.json();
        return Response.json(null);
      case "/recorded/send":
        return Response.json(await send(env.ROOMS, await request.json()));
      case "/recorded/upgrade": {
        const { room, url, headers } = JSON.parse(searchParams.get("call"));
        return env.ROOMS.getByName(room).fetch(url, { headers });
      }
    }
    return worker.fetch(request, { ...env, ROOMS: recording(env.ROOMS) }, context);
  },
};
