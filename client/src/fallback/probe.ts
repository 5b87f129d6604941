/** Probes whether a transport is available now. The transport in use does not change. */
import { closeActionOf } from "../codes.ts";
import { urlOf, websocketOf } from "../http.ts";
import { PING, SUBPROTOCOL } from "../protocol.ts";
import type { TransportOptions } from "../connection/transport.ts";
import type { ReaderContext } from "./reader.ts";
import { EventStream } from "./stream.ts";
import { ReadAhead } from "./read-ahead.ts";

const PROBE_MS = 10_000;

/**
 * Returns whether a WebSocket can be used. Sends a ping and waits for the pong, for which the
 * server requires no token.
 */
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
      // A close code of the protocol comes from the server, so it shows that frames arrive.
      probe.onclose = ({ code }) => resolve(closeActionOf(code)[0] !== "offline");
      probe.onerror = () => resolve(false);
    });
  } catch {
    return false; // The browser refuses to open the socket.
  } finally {
    clearTimeout(timeout);
    websocket?.close();
  }
}

/** Returns whether the first event of a stream is received. */
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
