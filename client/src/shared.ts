import { Alarm } from "./alarm.ts";
import { now } from "./clock.ts";
import { RoomcastError } from "./codes.ts";
import { urlOf } from "./http.ts";
import { inWords, isActive, type Life } from "./life.ts";
import type {
  Connections,
  RoomListener,
  RoomTransport,
  Transport,
  TransportListener,
} from "./transport.ts";
import { Pace } from "./pace.ts";
import {
  isGone,
  newPart,
  step,
  wakeAt,
  wishOf,
  type Part,
  type PartInput,
  type Wish,
} from "./part.ts";
import type { Frame } from "./protocol.ts";
import { Socket, websocketOf, type SocketOptions } from "./socket.ts";

/** The contract's limit for one connection. */
const MAX_ROOMS = 100;

/** One connection for all rooms; another for each hundred that are followed at a time. */
export function multiplexedConnections(options: SocketOptions, url: string | URL): Connections {
  const sockets: SharedSocket[] = [];

  /** One that can take that room. */
  function free(name: string): SharedSocket {
    let shared = sockets.find((socket) => socket.hasSpaceFor(name));
    if (!shared) {
      shared = new SharedSocket(options, websocketOf(urlOf(url, "events")));
      sockets.push(shared);
    }
    return shared;
  }

  return {
    connect(room) {
      return new PartLine(options, room, free);
    },
    tell(order) {
      // Before the rooms: none is to ask for anything over a socket that goes.
      for (const { socket } of sockets) socket.tell(order);
    },
  };
}

/** A room's part of a shared socket: performs what `part.ts` decides. It takes a seat while it needs one. */
class PartLine implements RoomTransport {
  readonly shared = true;
  readonly #options: SocketOptions;
  readonly #room: RoomListener;
  readonly #free: (name: string) => SharedSocket;
  readonly #alarm = new Alarm(() => this.tell({ type: "tick" }));
  #part: Part;
  #carrier: SharedSocket | undefined;

  constructor(options: SocketOptions, room: RoomListener, free: (name: string) => SharedSocket) {
    this.#options = options;
    this.#part = newPart(options.backoff, Math.random() * 2 ** 32);
    this.#room = room;
    this.#free = free;
  }

  get name(): string {
    return this.#room.name;
  }

  get connection(): Part {
    return this.#part;
  }

  get transport(): Transport {
    return (this.#carrier?.socket ?? this.#options.route).transport;
  }

  send(text: string): void {
    this.#carrier?.socket.send(text);
  }

  tell(input: PartInput): void {
    this.step(input);
    if (!this.#carrier && isActive(this.#part)) {
      this.#carrier = this.#free(this.name);
      this.#carrier.add(this);
    }
    this.#carrier?.attend();
  }

  step(input: PartInput): void {
    const before = this.#part;
    const after = step(before, input, now());
    if (after === before) return;
    this.#part = after;
    if (after.phase !== before.phase) {
      this.#options.log(`room ${this.name}: ${inWords(after, now())}`);
    }
    this.#alarm.set(wakeAt(after));
    this.#room.onStateChange(after, before);
  }

  hear(frame: Frame, text: string): void {
    const before = this.#part;
    this.step({ type: "heard", frame });
    if (frame.type === "error" && isActive(before) && !isActive(this.#part)) {
      this.#options.report(new RoomcastError(frame.code, frame.message));
    }
    // What comes before it is let in, or after it has gone, is of a session that has ended.
    if (this.#part.phase === "open") this.#room.onFrame(frame, text);
  }

  /** The frame that it wishes to send. */
  ask(type: Wish): string {
    const since = type === "subscribe" ? this.#room.since() : undefined;
    return JSON.stringify({ type, room: this.name, ref: type, since });
  }

  leave(): void {
    this.#carrier = undefined;
  }
}

/** A connection for many rooms: hands on what comes, and sends what they wish for. */
class SharedSocket implements TransportListener {
  readonly socket: Socket;
  readonly #parts = new Map<string, PartLine>();
  readonly #alarm = new Alarm(() => this.attend());
  #pace = new Pace();

  constructor(options: SocketOptions, address: string) {
    this.socket = new Socket(options, "connection", () => address, this);
  }

  hasSpaceFor(name: string): boolean {
    return this.#parts.size < MAX_ROOMS && !this.#parts.has(name);
  }

  add(part: PartLine): void {
    this.#parts.set(part.name, part);
    this.socket.tell({ type: "use" });
    part.step({ type: "carried", by: this.socket.connection });
  }

  /** Sends what the parts wish for, as fast as the server takes it, and forgets those that went. */
  attend(): void {
    for (const part of this.#parts.values()) {
      if (isGone(part.connection)) this.#remove(part);
      const wish = wishOf(part.connection);
      if (wish === undefined) continue;
      if (!this.#pace.take(now())) return this.#alarm.set(this.#pace.resumeAt);
      this.socket.send(part.ask(wish));
      part.step({ type: "asked" });
    }
  }

  onFrame(frame: Frame, text: string): void {
    // The connection's own, for whoever waits for a sign of life.
    if (frame.type === "pong") return this.#parts.forEach((part) => part.hear(frame, text));
    const part = this.#parts.get(frame.room ?? "");
    const before = part?.connection;
    if (frame.type === "error" && frame.code === "rate_limited" && before?.phase !== "open") {
      this.#pace.refused(now(), frame.retry_after_ms);
    }
    part?.hear(frame, text);
    if (part?.connection !== before) this.attend();
  }

  onStateChange(after: Life, before: Life): void {
    if (after.phase === before.phase) return;
    if (after.phase === "open") this.#pace = new Pace();
    for (const part of this.#parts.values()) {
      part.step({ type: "carried", by: this.socket.connection });
    }
    this.attend();
  }

  #remove(part: PartLine): void {
    this.#parts.delete(part.name);
    part.leave();
    if (this.#parts.size === 0) this.socket.tell({ type: "leave" });
  }
}
