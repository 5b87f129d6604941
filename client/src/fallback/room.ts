import type { RoomcastError } from "../codes.ts";
import { errorFrame, frameOf, type Ear, type ToRoom } from "./frames.ts";
import type { Http } from "./http.ts";
import { Publisher } from "./publisher.ts";
import type { Reader, Source } from "./reader.ts";
import { Window } from "./window.ts";

/** A room over HTTP: takes the frames that a socket would take, and says what it would say. */
export class HttpRoom {
  readonly #http: Http;
  readonly #room: string;
  readonly #ear: Ear;
  readonly #window = new Window();
  readonly #publisher: Publisher;
  readonly #reader: Reader;

  constructor(http: Http, room: string, ear: Ear, read: (source: Source) => Reader) {
    this.#http = http;
    this.#room = room;
    this.#ear = ear;
    this.#publisher = new Publisher(http, room, ear);
    this.#reader = read({ http, room, ear, window: this.#window });
  }

  onFrame(frame: ToRoom): void {
    switch (frame.type) {
      case "publish":
        return this.#publisher.publish(frame);
      case "signal":
        return this.#publisher.signal(frame);
      case "seen":
        return this.#window.seen(frame.seq);
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
      this.#ear.hear(frameOf("members", list));
    } catch (error) {
      this.#ear.hear(errorFrame(this.#room, error as RoomcastError));
    }
  }
}
