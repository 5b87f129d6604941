/** Many sockets of one thread, which follow rooms of one server. */
import type { Client, Target } from "../peers/dialect.ts";
import { dialects } from "../peers/dialects.ts";
import { type Listener, Socket } from "./socket.ts";
import { Tally, now } from "./tally.ts";

export interface Opening {
  target: Target;
  clients: Client[];
  /** Handshakes under way at a time. */
  width: number;
}

/** What a crowd has got since it was last asked. */
export interface Got {
  frames: number;
  events: number;
  misordered: number;
  missing: number;
  doneAt: Map<number, number>;
}

export class Crowd implements Listener {
  readonly #sockets: Socket[] = [];
  readonly #still: Socket[] = [];
  #tally = new Tally(0);
  #opening:
    | { target: Target; waiting: Client[]; entered: number; all: number; done: () => void }
    | undefined;
  #awaited: { n: number; left: number; done: (at: number) => void } | undefined;
  #failed = Promise.withResolvers<never>();

  constructor() {
    this.#failed.promise.catch(() => {}); // whoever waits next is told
  }

  /** Resolves when all are in their rooms, with the time. */
  async open({ target, clients, width }: Opening): Promise<number> {
    const { promise, resolve: done } = Promise.withResolvers<void>();
    this.#opening = {
      target,
      waiting: clients.slice(width),
      entered: 0,
      all: clients.length,
      done,
    };
    this.#tally = new Tally(this.#sockets.length + clients.length);
    for (const client of clients.slice(0, width)) this.#connect(client);
    if (clients.length > 0) await this.#unlessFailed(promise);
    return now();
  }

  /** From here on, events are counted from `n`. */
  from(n: number): void {
    this.#tally = new Tally(this.#sockets.length);
    for (const socket of this.#sockets) socket.had = n;
  }

  /** Resolves when every socket has had everything to `n`, with the time. */
  async until(n: number): Promise<number> {
    const left = this.#sockets.filter(({ had }) => had < n).length;
    if (left === 0) return now();
    const { promise, resolve: done } = Promise.withResolvers<number>();
    this.#awaited = { n, left, done };
    return this.#unlessFailed(promise);
  }

  got(): Got {
    const { frames, events, misordered, missing, doneAt } = this.#tally;
    return { frames, events, misordered, missing, doneAt };
  }

  /** The first so many read nothing more, and nobody waits for them. */
  standStill(count: number): void {
    for (const socket of this.#sockets.splice(0, count)) {
      socket.standStill();
      this.#still.push(socket);
    }
  }

  /** Everybody says that they are there still. */
  beat(): void {
    for (const socket of this.#sockets) socket.beat();
  }

  /** Everybody says this. */
  say(text: string): void {
    for (const socket of this.#sockets) socket.send(text);
  }

  /** What has gone over the wire since the sockets were opened, both ways. */
  wire(): number {
    return this.#sockets.reduce((all, { bytes }) => all + bytes, 0);
  }

  /** All go; answers who they were, and where. */
  drop(): Client[] {
    for (const socket of this.#still.splice(0)) socket.drop();
    const { newest } = this.#tally;
    return this.#sockets.splice(0).map((socket) => {
      socket.drop();
      const { position } = dialects[this.#opening!.target.dialect];
      const since = newest === "" ? undefined : position?.(newest, socket.session);
      return { ...socket.client, since, had: socket.had };
    });
  }

  frame(socket: Socket, buffer: Buffer, start: number, end: number): void {
    const run = this.#tally.run(buffer, start, end);
    if (!run) return socket.hear(buffer.toString("utf8", start, end));
    const before = socket.had;
    socket.had = this.#tally.take(run, before);
    if (socket.client.flow) socket.taken(end - start);
    const awaited = this.#awaited;
    if (awaited && before < awaited.n && socket.had >= awaited.n && --awaited.left === 0) {
      this.#awaited = undefined;
      awaited.done(now());
    }
  }

  entered(): void {
    const opening = this.#opening!;
    opening.entered += 1;
    if (opening.entered === opening.all) opening.done();
    const next = opening.waiting.pop();
    if (next) this.#connect(next);
  }

  lost(_: Socket, why: string): void {
    this.#failed.reject(new Error(`a socket of the crowd was lost: ${why}`));
  }

  #connect(client: Client): void {
    const { dialect, port } = this.#opening!.target;
    this.#sockets.push(new Socket(port, dialects[dialect], client, this));
  }

  #unlessFailed<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#failed.promise]);
  }
}
