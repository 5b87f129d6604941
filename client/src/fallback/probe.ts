/** Whether a transport gets through now, beside the one that is in use. */
import { verdictOf } from "../codes.ts";
import { urlOf } from "../http.ts";
import { PING, SUBPROTOCOL } from "../protocol.ts";
import type { RouteOptions } from "../route.ts";
import { websocketOf } from "../socket.ts";
import type { Source } from "./reader.ts";
import { EventStream } from "./stream.ts";
import { Window } from "./window.ts";

const PROBE_MS = 10_000;

/** A frame gets there and another comes back: a pong, which takes no token. */
export async function socketPasses({ url, WebSocket: Socket }: RouteOptions): Promise<boolean> {
  if (!Socket) return false;
  let websocket: WebSocket | undefined;
  let tooLate: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      const address = websocketOf(urlOf(url, "events"));
      const probe = (websocket = new Socket(address, [SUBPROTOCOL]) as WebSocket);
      tooLate = setTimeout(resolve, PROBE_MS, false);
      probe.onopen = () => probe.send(PING);
      probe.onmessage = () => resolve(true);
      // With a code of the contract it is the server that closes it.
      probe.onclose = ({ code }) => resolve(verdictOf(code)[0] !== "offline");
      probe.onerror = () => resolve(false);
    });
  } catch {
    return false; // The browser doesn't even try.
  } finally {
    clearTimeout(tooLate);
    websocket?.close();
  }
}

/** The first block of a stream comes. */
export async function streamPasses(source: Source): Promise<boolean> {
  let stream: EventStream | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      const ear = { begun: () => resolve(true), hear() {}, end: () => resolve(false) };
      stream = new EventStream({ ...source, ear, window: new Window() }, undefined);
    });
  } finally {
    stream?.stop();
  }
}
