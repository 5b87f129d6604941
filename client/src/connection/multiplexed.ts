import { Timer } from "../timer.ts";
import { now } from "../clock.ts";
import { RoomcastError } from "../codes.ts";
import { roomUrl, urlOf, websocketOf } from "../http.ts";
import { describe, isActive, type Lifecycle } from "./lifecycle.ts";
import type {
  Connections,
  RoomListener,
  RoomTransport,
  Transport,
  TransportListener,
} from "./transport.ts";
import { RateLimiter } from "./rate-limiter.ts";
import {
  canRemove,
  newSubscription,
  nextRequest,
  step,
  wakeAt,
  type Subscription,
  type SubscriptionInput,
  type SubscriptionRequest,
} from "./subscription.ts";
import type { Frame } from "./frame.ts";
import { Socket, type SocketOptions } from "./socket.ts";

/** Maximum number of rooms on one connection, by the protocol. */
const MAX_ROOMS = 100;

/** Opens a socket for each room. */
export function roomConnections(options: SocketOptions, url: string | URL): Connections {
  return {
    connect(room) {
      const events = websocketOf(roomUrl(url, room.name, "events"));
      const address = (): string => {
        const since = room.since();
        return since === undefined ? `${events}?flow=1` : `${events}?flow=1&since=${since}`;
      };
      return new Socket(options, `room ${room.name}`, address, room);
    },
    dispatch() {},
  };
}

/**
 * Opens one connection for up to 100 rooms, and another connection for each further 100 rooms in
 * use.
 */
export function multiplexedConnections(options: SocketOptions, url: string | URL): Connections {
  const sockets: MultiplexedSocket[] = [];

  /** Returns a socket with space for the room `name`. */
  function socketFor(name: string): MultiplexedSocket {
    let socket = sockets.find((socket) => socket.hasSpaceFor(name));
    if (!socket) {
      socket = new MultiplexedSocket(options, websocketOf(urlOf(url, "events")));
      sockets.push(socket);
    }
    return socket;
  }

  return {
    connect(room) {
      return new RoomSubscription(options, room, socketFor);
    },
    dispatch(command) {
      // The sockets receive the command before the rooms do, so that no room sends a request over a
      // socket that is about to close.
      for (const { socket } of sockets) socket.dispatch(command);
    },
  };
}

/**
 * A room's subscription on a multiplexed connection. Carries out the decisions of
 * `subscription.ts`. Has a socket only while the subscription needs a socket.
 */
class RoomSubscription implements RoomTransport {
  readonly shared = true;
  readonly #options: SocketOptions;
  readonly #room: RoomListener;
  readonly #socketFor: (name: string) => MultiplexedSocket;
  readonly #timer = new Timer(() => this.dispatch({ type: "tick" }));
  #subscription: Subscription;
  #socket: MultiplexedSocket | undefined;

  constructor(
    options: SocketOptions,
    room: RoomListener,
    socketFor: (name: string) => MultiplexedSocket,
  ) {
    this.#options = options;
    this.#subscription = newSubscription(options.backoff, Math.random() * 2 ** 32);
    this.#room = room;
    this.#socketFor = socketFor;
  }

  get name(): string {
    return this.#room.name;
  }

  get connection(): Subscription {
    return this.#subscription;
  }

  get transport(): Transport {
    return (this.#socket?.socket ?? this.#options.selector).transport;
  }

  send(text: string): void {
    this.#socket?.socket.send(text);
  }

  dispatch(input: SubscriptionInput): void {
    this.step(input);
    if (!this.#socket && isActive(this.#subscription)) {
      this.#socket = this.#socketFor(this.name);
      this.#socket.add(this);
    }
    this.#socket?.sendRequests();
  }

  step(input: SubscriptionInput): void {
    const before = this.#subscription;
    const after = step(before, input, now());
    if (after === before) return;
    this.#subscription = after;
    if (after.phase !== before.phase) {
      this.#options.log(`room ${this.name}: ${describe(after, now())}`);
    }
    this.#timer.set(wakeAt(after));
    this.#room.onStateChange(after, before);
  }

  onFrame(frame: Frame, bytes: number): void {
    const before = this.#subscription;
    this.step({ type: "frame", frame });
    if (frame.type === "error" && isActive(before) && !isActive(this.#subscription)) {
      this.#options.report(new RoomcastError(frame.code, frame.message));
    }
    // A frame that is received before `welcome` or after the end of the subscription belongs to an
    // earlier session.
    if (this.#subscription.phase === "open") this.#room.onFrame(frame, bytes);
  }

  /** Returns the frame of a request. */
  request(type: SubscriptionRequest): string {
    const since = type === "subscribe" ? this.#room.since() : undefined;
    return JSON.stringify({ type, room: this.name, ref: type, since });
  }

  detach(): void {
    this.#socket = undefined;
  }
}

/**
 * A multiplexed connection. Dispatches received frames to the subscriptions, and sends their
 * requests.
 */
class MultiplexedSocket implements TransportListener {
  readonly socket: Socket;
  readonly #subscriptions = new Map<string, RoomSubscription>();
  readonly #timer = new Timer(() => this.sendRequests());
  #limiter = new RateLimiter();

  constructor(options: SocketOptions, address: string) {
    this.socket = new Socket(options, "connection", () => address, this);
  }

  hasSpaceFor(name: string): boolean {
    return this.#subscriptions.size < MAX_ROOMS && !this.#subscriptions.has(name);
  }

  add(subscription: RoomSubscription): void {
    this.#subscriptions.set(subscription.name, subscription);
    this.socket.dispatch({ type: "use" });
    subscription.step({ type: "connection", connection: this.socket.connection });
  }

  /**
   * Sends the subscriptions' requests within the server's rate limit, and removes finished
   * subscriptions.
   */
  sendRequests(): void {
    for (const subscription of this.#subscriptions.values()) {
      if (canRemove(subscription.connection)) this.#remove(subscription);
      const request = nextRequest(subscription.connection);
      if (request === undefined) continue;
      if (!this.#limiter.tryAcquire(now())) return this.#timer.set(this.#limiter.resumeAt);
      this.socket.send(subscription.request(request));
      subscription.step({ type: "sent" });
    }
  }

  onFrame(frame: Frame, bytes: number): void {
    // A pong names no room. Every subscription receives the pong, because any of them may be
    // waiting for a pong.
    if (frame.type === "pong")
      return this.#subscriptions.forEach((subscription) => subscription.onFrame(frame, bytes));
    const subscription = this.#subscriptions.get(frame.room ?? "");
    const before = subscription?.connection;
    if (frame.type === "error" && frame.code === "rate_limited" && before?.phase !== "open") {
      this.#limiter.onRefusal(now(), frame.retry_after_ms);
    }
    subscription?.onFrame(frame, bytes);
    if (subscription?.connection !== before) this.sendRequests();
  }

  onStateChange(after: Lifecycle, before: Lifecycle): void {
    if (after.phase === before.phase) return;
    if (after.phase === "open") this.#limiter = new RateLimiter();
    for (const subscription of this.#subscriptions.values()) {
      subscription.step({ type: "connection", connection: this.socket.connection });
    }
    this.sendRequests();
  }

  #remove(subscription: RoomSubscription): void {
    this.#subscriptions.delete(subscription.name);
    subscription.detach();
    if (this.#subscriptions.size === 0) this.socket.dispatch({ type: "leave" });
  }
}
