/**
 * Runs one client of pusher-js, and records what it receives. Node and Chromium run this code, so
 * every argument and result can be sent as JSON.
 */
import type Pusher from "pusher-js";
import type { Channel, Options, PresenceChannel } from "pusher-js";
import { Inbox } from "./inbox.ts";

/** An event of a client whose metadata is recorded too. */
export const CLIENT_EVENT = "client-typing";

export class Recorder {
  readonly #pusher: Pusher;
  readonly #inboxes = new Map<string, Inbox>();

  constructor(
    Client: new (key: string, options: Options) => Pusher,
    key: string,
    options: Options,
  ) {
    this.#pusher = new Client(key, options);
    const { connection } = this.#pusher;
    connection.bind("state_change", ({ current }: { current: string }) =>
      this.#inbox("states").push(current),
    );
    connection.bind("message", ({ event }: { event: string }) => {
      if (event === "pusher:pong") this.#inbox("pongs").push(event);
    });
    connection.bind("error", ({ data, error }: any) => {
      const code = (data ?? error?.data)?.code;
      if (code !== undefined) this.#inbox("errors").push(code);
    });
    this.#pusher.bind("pusher:signin_success", (data: unknown) =>
      this.#inbox("user").push(["signed in", data]),
    );
    this.#pusher.user.bind_global((event: string, data: unknown) =>
      this.#inbox("user").push([event, data]),
    );
  }

  #inbox(name: string): Inbox {
    const inbox = this.#inboxes.get(name) ?? new Inbox();
    this.#inboxes.set(name, inbox);
    return inbox;
  }

  /** Subscribes to a channel. The client's events are recorded in the channel's inbox. */
  subscribe(name: string): void {
    const channel: Channel = this.#pusher.subscribe(name);
    channel.bind_global((event: string, data: unknown) => {
      if (event !== CLIENT_EVENT) this.#inbox(name).push([event, data ?? null]);
    });
    channel.bind(CLIENT_EVENT, (data: unknown, metadata?: { user_id?: string }) =>
      this.#inbox(name).push([CLIENT_EVENT, data, metadata?.user_id ?? null]),
    );
  }

  unsubscribe(name: string): void {
    this.#pusher.channel(name).unbind_all();
    this.#pusher.unsubscribe(name);
  }

  /** Subscribes to a channel, and returns the first event. */
  join(name: string): Promise<any> {
    this.subscribe(name);
    return this.next(name);
  }

  /**
   * Returns the next entry of an inbox: of a channel, of `states`, `errors` or `pongs` of the
   * connection, or of the `user`.
   */
  next(name: string): Promise<any> {
    return this.#inbox(name).next();
  }

  /** Discards entries up to this one. */
  async until(name: string, entry: unknown): Promise<void> {
    while ((await this.next(name)) !== entry);
  }

  unread(name: string): unknown[] {
    return this.#inbox(name).unread();
  }

  trigger(channel: string, event: string, data: unknown): void {
    this.#pusher.send_event(event, data, channel);
  }

  signIn(): void {
    this.#pusher.signin();
  }

  /** Returns the users of a presence channel with their data. */
  members(name: string): Record<string, unknown> {
    const { members } = this.#pusher.channel(name) as PresenceChannel;
    return members.members;
  }

  state(): string {
    return this.#pusher.connection.state;
  }

  socketId(): string {
    return this.#pusher.connection.socket_id;
  }

  disconnect(): void {
    this.#pusher.disconnect();
  }
}
