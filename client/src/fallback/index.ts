/** What there is where a WebSocket can't be had. It is loaded when that has shown. */
import { verdictOf } from "../codes.ts";
import { urlOf, type Fetch } from "../http.ts";
import type { Transport } from "../line.ts";
import { PING, SUBPROTOCOL } from "../protocol.ts";
import { LongPoll } from "./poll.ts";
import type { Source, StartReader } from "./reader.ts";
import { HttpSocket } from "./socket.ts";
import { EventStream } from "./stream.ts";
import { Window } from "./window.ts";

export interface FallbackOptions {
  readonly url: string | URL;
  readonly WebSocket: typeof WebSocket;
  readonly fetch: Fetch;
  tried(transport: Transport, answered: boolean): void;
}

export interface Fallback {
  readonly sockets: Readonly<Record<Exclude<Transport, "websocket">, typeof WebSocket>>;
  /** Whether it gets through now, beside the one that is in use. */
  passes(transport: Transport): Promise<boolean>;
}

const PROBE_MS = 10_000;

export function fallbackOf(options: FallbackOptions): Fallback {
  const { fetch, tried } = options;
  let polled: Source | undefined;

  function socketsOf(transport: Transport, read: StartReader): typeof WebSocket {
    const via = { fetch, read, tried: (answered: boolean) => tried(transport, answered) };
    return class extends HttpSocket {
      constructor(address: string, protocols: string[]) {
        super(via, address, protocols);
      }
    } as unknown as typeof WebSocket;
  }

  return {
    sockets: {
      sse: socketsOf("sse", (source, since) => new EventStream(source, since)),
      "long-polling": socketsOf(
        "long-polling",
        (source, since) => new LongPoll((polled = source), since),
      ),
    },
    passes: (transport) => (transport === "sse" ? streamPasses(polled!) : socketPasses(options)),
  };
}

/** Whether a frame gets there and another comes back. For a pong it takes no token. */
async function socketPasses({ url, WebSocket }: FallbackOptions): Promise<boolean> {
  const address = urlOf(url, "events").href.replace("http", "ws");
  let websocket: WebSocket | undefined;
  let tooLate: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      const probe = (websocket = new WebSocket(address, SUBPROTOCOL));
      tooLate = setTimeout(resolve, PROBE_MS, false);
      probe.onopen = () => probe.send(PING);
      probe.onmessage = () => resolve(true);
      // With a code of the contract it is the service that closes it.
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

async function streamPasses(source: Source): Promise<boolean> {
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
