/**
 * Fills the disk, and remounts it read-only. The worker must reject publishes that it can't store,
 * and must not lose an acknowledged event. When there is space again, the worker must store events
 * again.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../tests/edge/runtime.ts";
import { Ledger } from "./ledger.ts";
import { Subscriber } from "./subscriber.ts";
import type { Outcome, Suite, SuiteContext } from "./suite.ts";

const DISK = "12m";
const MiB = 2 ** 20;

export const disk: Suite = {
  about:
    "a disk that fills up under load, at a random byte, and a disk that is remounted read-only",
  isolated: true,
  async run(context) {
    const storage = mkdtempSync(join(tmpdir(), "roomcast-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", storage]);
    context.after(() => {
      execFileSync("umount", [storage]);
      rmSync(storage, { recursive: true });
    });
    const settings = { "*": { retained_bytes: 2 * MiB } };
    const runtime = await context.start({ storage, settings });
    const faults = new DiskFaults(context, runtime, storage);
    context.after(() => faults.end());
    return faults.run(context.size(60, 4));
  },
};

class DiskFaults {
  readonly #context: SuiteContext;
  readonly #runtime: Runtime;
  readonly #storage: string;
  readonly #ledger: Ledger;
  readonly #subscribers: Subscriber[];
  #isFull = false;
  #rejected = 0;
  #readOnly = 0;

  constructor(context: SuiteContext, runtime: Runtime, storage: string) {
    this.#context = context;
    this.#runtime = runtime;
    this.#storage = storage;
    this.#ledger = new Ledger(runtime, "stored");
    const transports = ["room", "connection"] as const;
    this.#subscribers = transports.map((over) => new Subscriber(this.#ledger, over));
  }

  async run(times: number): Promise<Outcome> {
    let fills = 0;
    while (fills < times && !this.#context.isOver) {
      await this.#fillDisk();
      fills += 1;
      await this.#check();
      if (fills % 4 !== 0) continue;
      await this.#remountReadOnly();
      await this.#check();
    }
    const { acknowledged, erased } = this.#ledger.counts;
    return {
      injected: { "full disks": fills, "read-only disks": this.#readOnly, erases: erased },
      observed: {
        "publishes rejected with `internal`": this.#rejected,
        "acknowledged events found in the log": acknowledged,
        "connections of subscribers": this.#subscribers.reduce(
          (sum, each) => sum + each.connects,
          0,
        ),
      },
    };
  }

  end(): void {
    for (const subscriber of this.#subscribers) subscriber.end();
  }

  /**
   * Fills the disk during publishes, and frees it again. In some calls, erases the room or kills
   * the process while the disk is full.
   */
  async #fillDisk(): Promise<void> {
    this.#isFull = true;
    const publishing = [this.#publish(), this.#publishOverSockets()];
    await sleep(this.#context.below(30));
    const ballast = join(this.#storage, "ballast");
    fill(ballast, this.#context.below(256 * 1024));
    const before = this.#rejected;
    for (const until = Date.now() + 30_000; this.#rejected < before + 5; await sleep(5))
      assert(Date.now() < until, "no publish was rejected while the disk was full");
    if (this.#context.below(3) === 0) await this.#ledger.erase();
    if (this.#context.below(3) === 0) {
      await this.#runtime.kill();
      await this.#runtime.restart();
      await sleep(this.#context.below(100));
    }
    rmSync(ballast);
    this.#isFull = false;
    await Promise.all(publishing);
  }

  /**
   * Remounts the disk read-only, and then writable again. Kills the process before each remount,
   * because the system can't remount a disk while a process writes to it.
   */
  async #remountReadOnly(): Promise<void> {
    await this.#runtime.kill();
    execFileSync("mount", ["-o", "remount,ro", this.#storage]);
    await this.#runtime.restart();
    for (let i = 0; i < 5; i++) {
      const answer = await this.#ledger.publish([this.#draft()]);
      assert.equal(answer?.status, 500);
      assert.equal(answer.error?.code, "internal");
    }
    await this.#runtime.kill();
    execFileSync("mount", ["-o", "remount,rw", this.#storage]);
    await this.#runtime.restart();
    this.#readOnly += 1;
  }

  async #check(): Promise<void> {
    await this.#ledger.check({ whole: true });
    for (const subscriber of this.#subscribers) await subscriber.check();
  }

  async #publish(): Promise<void> {
    while (this.#isFull) {
      const answer = await this.#ledger.publish([this.#draft()]);
      // No answer means that the process was killed.
      if (!answer) await sleep(5);
      if (!answer || answer.seqs) continue;
      assert.deepEqual([answer.status, answer.error?.code], [500, "internal"]);
      this.#rejected += 1;
    }
  }

  async #publishOverSockets(): Promise<void> {
    while (this.#isFull) {
      this.#context.pick(this.#subscribers).publish(this.#draft());
      await sleep(20);
    }
  }

  #draft() {
    const key = this.#context.below(2) === 0 ? `k${this.#context.below(5)}` : undefined;
    return this.#ledger.draft("x".repeat(this.#context.below(5_000)), key);
  }
}

/**
 * Writes a file that leaves at most `left` bytes free on its disk. Other processes may write to the
 * disk at the same time.
 */
function fill(path: string, left: number): void {
  const { bavail, bsize } = statfsSync(dirname(path));
  try {
    writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - left)));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  }
}
