/** Probes whether a transport is available now, beside the one that is in use. */
import { closeActionOf } from "../codes.ts";
import { urlOf, websocketOf } from "../http.ts";
import { PING, SUBPROTOCOL } from "../protocol.ts";
import type { TransportOptions } from "../connection/transport.ts";
import type { ReaderContext } from "./reader.ts";
import { EventStream } from "./stream.ts";
import { ReadAhead } from "./read-ahead.ts";

const PROBE_MS = 10_000;

/** Sends a ping and waits for the pong, for which the server requires no token. */
export async function isWebSocketAvailable({
  url,
  WebSocket: Socket,
}: TransportOptions): Promise<boolean> {
  if (!Socket) return false;
  let websocket: WebSocket | undefined;
  let timeout: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      const address = websocketOf(urlOf(url, "events"));
      const probe = (websocket = new Socket(address, [SUBPROTOCOL]) as WebSocket);
      timeout = setTimeout(resolve, PROBE_MS, false);
      probe.onopen = () => probe.send(PING);
      probe.onmessage = () => resolve(true);
      // A close code of the contract comes from the server, so frames get through.
      probe.onclose = ({ code }) => resolve(closeActionOf(code)[0] !== "offline");
      probe.onerror = () => resolve(false);
    });
  } catch {
    return false; // The browser refuses to open it.
  } finally {
    clearTimeout(timeout);
    websocket?.close();
  }
}

/** Waits for the first event of a stream. */
export async function isStreamAvailable(context: ReaderContext): Promise<boolean> {
  let stream: EventStream | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      const sink = { onOpen: () => resolve(true), onFrame() {}, onClose: () => resolve(false) };
      stream = new EventStream({ ...context, sink, readAhead: new ReadAhead() }, undefined);
    });
  } finally {
    stream?.stop();
  }
}
