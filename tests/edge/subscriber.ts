/** A subscriber that reconnects and resumes, and applies frames as section 5 of the protocol says. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Event, type Frame, Socket } from "./client.ts";

/** An event, and the text of the frame that contained it. */
export interface Received extends Event {
  frame: string;
}

export class Subscriber {
  readonly received: Received[] = [];
  /** Number of received events that repeat an earlier event. */
  duplicates = 0;
  connects = 0;
  readonly #url: string;
  readonly #token: string;
  #socket: Socket | undefined;
  #position: { epoch: string; seq: number } | undefined;
  #awaited: { seq: number; reached: () => void } | undefined;
  #stopped = false;
  readonly #failed = Promise.withResolvers<never>();

  private constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Subscribes to the room at `url`. Resolves after the `welcome` frame. */
  static async from(url: string, token: string): Promise<Subscriber> {
    const subscriber = new Subscriber(url, token);
    await subscriber.#connect();
    await subscriber.#receive();
    subscriber.#run().catch((error) => subscriber.#failed.reject(error));
    return subscriber;
  }

  /** Resolves when all events up to `seq` have been received. Rejects if an event is lost. */
  async waitFor(seq: number): Promise<void> {
    if ((this.#position?.seq ?? 0) >= seq) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { seq, reached: resolve };
    await Promise.race([promise, this.#failed.promise]);
  }

  stop(): void {
    this.#stopped = true;
    this.#socket?.drop();
  }

  async #run(): Promise<void> {
    for (;;) {
      try {
        for (;;) await this.#receive();
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof EventLossError) throw error;
      }
      await this.#connect();
    }
  }

  async #connect(): Promise<void> {
    const query = this.#position && `since=${this.#position.epoch}:${this.#position.seq}`;
    for (;;) {
      try {
        this.#socket = await Socket.open(this.#url, { token: this.#token, query });
        this.connects += 1;
        return;
      } catch (error) {
        if (this.#stopped) return;
        if ((error as NodeJS.ErrnoException).code === undefined) throw error;
        await sleep(5); // The server is down. Retries until the server is up again.
      }
    }
  }

  async #receive(): Promise<void> {
    const socket = this.#socket!;
    this.#apply(await socket.next(), socket.text);
  }

  #apply(frame: Frame, text: string): void {
    switch (frame.type) {
      case "welcome":
        this.#position ??= { epoch: frame.epoch, seq: frame.seq };
        return;
      case "events":
        return this.#applyEvents(frame.prev, frame.events, text);
      default:
        throw new EventLossError(
          `a ${frame.type} although all events are retained: ${text.slice(0, 300)}`,
        );
    }
  }

  #applyEvents(prev: number, events: Event[], text: string): void {
    const position = this.#position!;
    if (prev > position.seq)
      throw new EventLossError(`prev is ${prev}, but the last event received is ${position.seq}`);
    const fresh = events.filter(({ seq }) => seq > position.seq);
    this.duplicates += events.length - fresh.length;
    for (const event of fresh) this.received.push({ ...event, frame: text });
    position.seq = fresh.at(-1)?.seq ?? position.seq;
    if (this.#awaited && position.seq >= this.#awaited.seq) this.#awaited.reached();
  }
}

class EventLossError extends Error {}
