/** Many sockets of one thread, subscribed to rooms of one server. */
import type { Client, Target } from "../peers/dialect.ts";
import { dialects } from "../peers/dialects.ts";
import { EventCounter, now } from "./events.ts";
import { Socket, type SocketListener } from "./socket.ts";

export interface OpenRequest {
  target: Target;
  clients: Client[];
  /** Maximum number of handshakes at the same time. */
  concurrency: number;
}

/** Frames and events received since the last `resetCounts`. */
export interface Counts {
  frames: number;
  events: number;
  misordered: number;
  missing: number;
  deliveredAt: Map<number, number>;
}

export class SocketPool implements SocketListener {
  readonly #sockets: Socket[] = [];
  readonly #paused: Socket[] = [];
  #counter = new EventCounter(0);
  #opening:
    | { target: Target; waiting: Client[]; joined: number; all: number; done: () => void }
    | undefined;
  #awaited: { n: number; left: number; done: (at: number) => void } | undefined;
  #failed = Promise.withResolvers<never>();

  constructor() {
    this.#failed.promise.catch(() => {}); // The next call that waits rejects with the error.
  }

  /** Connects clients. Resolves with the time when all clients have joined their rooms. */
  async open({ target, clients, concurrency }: OpenRequest): Promise<number> {
    const { promise, resolve: done } = Promise.withResolvers<void>();
    this.#opening = {
      target,
      waiting: clients.slice(concurrency),
      joined: 0,
      all: clients.length,
      done,
    };
    this.#counter = new EventCounter(this.#sockets.length + clients.length);
    for (const client of clients.slice(0, concurrency)) this.#connect(client);
    if (clients.length > 0) await this.#unlessFailed(promise);
    return now();
  }

  /** Sets the counts to zero. Every socket is assumed to have received all events up to `n`. */
  resetCounts(n: number): void {
    this.#counter = new EventCounter(this.#sockets.length);
    for (const socket of this.#sockets) socket.lastReceived = n;
  }

  /** Resolves with the time when every socket has received all events up to `n`. */
  async waitFor(n: number): Promise<number> {
    const left = this.#sockets.filter(({ lastReceived }) => lastReceived < n).length;
    if (left === 0) return now();
    const { promise, resolve: done } = Promise.withResolvers<number>();
    this.#awaited = { n, left, done };
    return this.#unlessFailed(promise);
  }

  counts(): Counts {
    const { frames, events, misordered, missing, deliveredAt } = this.#counter;
    return { frames, events, misordered, missing, deliveredAt };
  }

  /** Makes the first `count` sockets stop reading. `waitFor` ignores them from then on. */
  pause(count: number): void {
    for (const socket of this.#sockets.splice(0, count)) {
      socket.pause();
      this.#paused.push(socket);
    }
  }

  /** Sends a heartbeat on every socket. */
  sendHeartbeats(): void {
    for (const socket of this.#sockets) socket.sendHeartbeat();
  }

  /** Sends a frame on every socket. */
  send(text: string): void {
    for (const socket of this.#sockets) socket.send(text);
  }

  /** Returns the bytes sent and received since the sockets were opened. */
  wireBytes(): number {
    return this.#sockets.reduce((all, { bytes }) => all + bytes, 0);
  }

  /** Closes all TCP connections. Returns the clients with their positions, to reconnect them. */
  disconnect(): Client[] {
    for (const socket of this.#paused.splice(0)) socket.terminate();
    const { newest } = this.#counter;
    return this.#sockets.splice(0).map((socket) => {
      socket.terminate();
      const { position } = dialects[this.#opening!.target.dialect];
      const since = newest === "" ? undefined : position?.(newest, socket.session);
      return { ...socket.client, since, lastReceived: socket.lastReceived };
    });
  }

  onFrame(socket: Socket, buffer: Buffer, start: number, end: number): void {
    const events = this.#counter.parse(buffer, start, end);
    if (!events) return socket.handleControlFrame(buffer.toString("utf8", start, end));
    const before = socket.lastReceived;
    socket.lastReceived = this.#counter.record(events, before);
    if (socket.client.flow) socket.acknowledge(end - start);
    const awaited = this.#awaited;
    const isReached = awaited && before < awaited.n && socket.lastReceived >= awaited.n;
    if (isReached && --awaited.left === 0) {
      this.#awaited = undefined;
      awaited.done(now());
    }
  }

  onJoined(): void {
    const opening = this.#opening!;
    opening.joined += 1;
    if (opening.joined === opening.all) opening.done();
    const next = opening.waiting.pop();
    if (next) this.#connect(next);
  }

  onLost(_: Socket, why: string): void {
    this.#failed.reject(new Error(`a socket was lost: ${why}`));
  }

  #connect(client: Client): void {
    const { dialect, port } = this.#opening!.target;
    this.#sockets.push(new Socket(port, dialects[dialect], client, this));
  }

  #unlessFailed<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#failed.promise]);
  }
}
