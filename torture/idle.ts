/**
 * Rooms that receive one event, and are idle after that. Each room must exist until its retention
 * ends. Then the room's alarm must erase the room, even if the process was killed in between.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Room, tokenOf } from "../tests/edge/room.ts";
import type { Runtime } from "../tests/edge/runtime.ts";
import { post } from "./http.ts";

/** The retention time of these rooms, in ms. */
export const IDLE_MS = 1_000;
/**
 * Time limit for an erase. The limit is high, because the runtime retries a failed alarm after a
 * delay.
 */
const ERASE_TIMEOUT_MS = 20_000;

interface IdleRoom {
  room: Room;
  epoch: string;
  /** Start and end of the publish request. The event was stored in between. */
  publishedAfter: number;
  publishedBefore: number;
}

export class IdleRooms {
  erased = 0;
  readonly #runtime: Runtime;
  readonly #rooms: IdleRoom[] = [];
  #created = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Publishes the only event of a new room. Does nothing if the publish is not acknowledged. */
  async create(): Promise<void> {
    const room = new Room(this.#runtime, `idle:${this.#created++}`);
    const publishedAfter = Date.now();
    const answer = await post(room, [{ name: "n", data: 1 }]).catch(() => undefined);
    if (answer?.epoch === undefined) return;
    const { epoch } = answer;
    this.#rooms.push({ room, epoch, publishedAfter, publishedBefore: Date.now() });
  }

  /** Time until the next alarm, in ms. */
  get nextAlarmMs(): number {
    const due = this.#rooms.map(({ publishedBefore }) => publishedBefore + IDLE_MS - Date.now());
    return Math.min(IDLE_MS, ...due.filter((ms) => ms > 0));
  }

  /**
   * Checks all rooms. Waits until the alarm has erased each room whose retention ended long ago.
   * With `all`, waits until every room is erased.
   */
  async check({ all = false } = {}): Promise<void> {
    for (const idle of [...this.#rooms]) {
      if (Date.now() < idle.publishedAfter + IDLE_MS) await this.#checkRetained(idle);
      if (all || Date.now() > idle.publishedBefore + 5 * IDLE_MS) {
        await this.#waitForErase(idle);
        this.#rooms.splice(this.#rooms.indexOf(idle), 1);
      }
    }
  }

  async #checkRetained(idle: IdleRoom): Promise<void> {
    const status = await this.#status(idle);
    // The request may have taken so long that the retention has ended.
    if (Date.now() < idle.publishedAfter + IDLE_MS)
      assert.equal(status, 200, "the room is still retained");
  }

  async #waitForErase(idle: IdleRoom): Promise<void> {
    const until = Date.now() + ERASE_TIMEOUT_MS;
    while ((await this.#status(idle)) !== 410) {
      assert(Date.now() < until, `${idle.room.name} was not erased`);
      await sleep(100);
    }
    this.erased += 1;
  }

  async #status({ room, epoch }: IdleRoom): Promise<number> {
    const headers = { authorization: `Bearer ${tokenOf("looker", ["subscribe"])}` };
    const answer = await fetch(`${room.url}/events?since=${epoch}:0`, { headers });
    await answer.text();
    return answer.status;
  }
}
