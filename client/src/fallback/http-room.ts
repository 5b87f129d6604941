import type { RoomcastError } from "../codes.ts";
import { errorFrame, frameOf, type FrameSink, type RoomFrame } from "./frames.ts";
import type { Http } from "./http.ts";
import { Publisher } from "./publisher.ts";
import type { Reader, ReaderContext } from "./reader.ts";
import { ReadAhead } from "./read-ahead.ts";

/**
 * A room over HTTP. Accepts the client's frames, and emits the frames that a socket would receive.
 */
export class HttpRoom {
  readonly #http: Http;
  readonly #room: string;
  readonly #sink: FrameSink;
  readonly #readAhead = new ReadAhead();
  readonly #publisher: Publisher;
  readonly #reader: Reader;

  constructor(http: Http, room: string, sink: FrameSink, read: (context: ReaderContext) => Reader) {
    this.#http = http;
    this.#room = room;
    this.#sink = sink;
    this.#publisher = new Publisher(http, room, sink);
    this.#reader = read({ http, room, sink, readAhead: this.#readAhead });
  }

  onFrame(frame: RoomFrame): void {
    switch (frame.type) {
      case "publish":
        return this.#publisher.publish(frame);
      case "signal":
        return this.#publisher.signal(frame);
      case "seen":
        return this.#readAhead.seen(frame.seq);
      case "enter":
        return this.#reader.enter ? this.#reader.enter(frame.data) : void this.#list();
      case "leave":
        return this.#reader.leave?.();
      case "members":
        return void this.#list();
    }
  }

  stop(): void {
    this.#reader.stop();
    this.#publisher.stop();
  }

  async #list(): Promise<void> {
    try {
      const list = await this.#http.get<object>(this.#http.urlOf(this.#room, "members"));
      this.#sink.onFrame(frameOf("members", list));
    } catch (error) {
      this.#sink.onFrame(errorFrame(this.#room, error as RoomcastError));
    }
  }
}
