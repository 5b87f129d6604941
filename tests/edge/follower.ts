/** A subscriber that is told to stay: it applies frames by section 5 of the contract, and resumes. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Event, type Frame, Socket } from "./client.ts";

/** An event, and the text of the frame that brought it. */
export interface Received extends Event {
  frame: string;
}

export class Follower {
  readonly received: Received[] = [];
  /** Events that were sent although they had been received before. */
  twice = 0;
  connects = 0;
  readonly #url: string;
  readonly #token: string;
  #socket: Socket | undefined;
  #position: { epoch: string; seq: number } | undefined;
  #awaited: { seq: number; reached: () => void } | undefined;
  #ended = false;
  readonly #failed = Promise.withResolvers<never>();

  private constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Follows the room at `url` from its beginning; resolves when it is welcome. */
  static async from(url: string, token: string): Promise<Follower> {
    const follower = new Follower(url, token);
    await follower.#connect();
    await follower.#hear();
    follower.#follow().catch((error) => follower.#failed.reject(error));
    return follower;
  }

  /** Resolves when everything up to `seq` has been received; rejects when something was lost. */
  async reached(seq: number): Promise<void> {
    if ((this.#position?.seq ?? 0) >= seq) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { seq, reached: resolve };
    await Promise.race([promise, this.#failed.promise]);
  }

  stop(): void {
    this.#ended = true;
    this.#socket?.drop();
  }

  async #follow(): Promise<void> {
    for (;;) {
      try {
        for (;;) await this.#hear();
      } catch (error) {
        if (this.#ended) return;
        if (error instanceof Lost) throw error;
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
        if (this.#ended) return;
        if ((error as NodeJS.ErrnoException).code === undefined) throw error;
        await sleep(5); // The server is down; nothing tells a client when it is back.
      }
    }
  }

  async #hear(): Promise<void> {
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
        throw new Lost(`a ${frame.type} where everything could be resumed: ${text.slice(0, 300)}`);
    }
  }

  #applyEvents(prev: number, events: Event[], text: string): void {
    const position = this.#position!;
    if (prev > position.seq) throw new Lost(`prev is ${prev} where ${position.seq} was received`);
    const fresh = events.filter(({ seq }) => seq > position.seq);
    this.twice += events.length - fresh.length;
    for (const event of fresh) this.received.push({ ...event, frame: text });
    position.seq = fresh.at(-1)?.seq ?? position.seq;
    if (this.#awaited && position.seq >= this.#awaited.seq) this.#awaited.reached();
  }
}

class Lost extends Error {}
