/**
 * A disk that is full, and one that can only be read. What can't be stored is told, what was
 * acknowledged is there, and it goes on when there is room again.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../tests/edge/runtime.ts";
import { Ledger } from "./ledger.ts";
import type { Outcome, Suite, SuiteContext } from "./suite.ts";
import { Reader } from "./reader.ts";

const DISK = "12m";
const MiB = 2 ** 20;

export const disk: Suite = {
  about: "a disk that fills up under load, at any byte, and one that is remounted read-only",
  isolated: true,
  async run(context) {
    const storage = mkdtempSync(join(tmpdir(), "roomcast-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", storage]);
    context.after(() => {
      execFileSync("umount", [storage]);
      rmSync(storage, { recursive: true });
    });
    const runtime = await context.start({
      storage,
      settings: { "*": { retained_bytes: 2 * MiB } },
    });
    const trouble = new Trouble(context, runtime, storage);
    context.after(() => trouble.end());
    return trouble.comes(context.size(60, 4));
  },
};

class Trouble {
  readonly #context: SuiteContext;
  readonly #runtime: Runtime;
  readonly #storage: string;
  readonly #ledger: Ledger;
  readonly #readers: Reader[];
  #isFull = false;
  #refused = 0;
  #readOnly = 0;

  constructor(context: SuiteContext, runtime: Runtime, storage: string) {
    this.#context = context;
    this.#runtime = runtime;
    this.#storage = storage;
    this.#ledger = new Ledger(runtime, "stored");
    const ways = ["room", "connection"] as const;
    this.#readers = ways.map((over) => new Reader(this.#ledger, over));
  }

  async comes(times: number): Promise<Outcome> {
    let fills = 0;
    while (fills < times && !this.#context.isOver) {
      await this.#fills();
      fills += 1;
      await this.#isWhole();
      if (fills % 4 !== 0) continue;
      await this.#canOnlyBeRead();
      await this.#isWhole();
    }
    const { acknowledged, erased } = this.#ledger.counts;
    return {
      injected: { "full disks": fills, "read-only disks": this.#readOnly, erases: erased },
      observed: {
        "publishes rejected with `internal`": this.#refused,
        "acknowledged events found in the log": acknowledged,
        "connections of subscribers": this.#readers.reduce((sum, each) => sum + each.connects, 0),
      },
    };
  }

  end(): void {
    for (const reader of this.#readers) reader.end();
  }

  /** The disk fills up while it is published to, and is emptied again, or the process dies first. */
  async #fills(): Promise<void> {
    this.#isFull = true;
    const publishing = [this.#publishes(), this.#publishesOverASocket()];
    await sleep(this.#context.below(30));
    const ballast = join(this.#storage, "ballast");
    fill(ballast, this.#context.below(256 * 1024));
    const before = this.#refused;
    for (const until = Date.now() + 30_000; this.#refused < before + 5; await sleep(5))
      assert(Date.now() < until, "nobody was told that the disk is full");
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

  /** It can't be remounted under a process that writes to it, so it is found like that. */
  async #canOnlyBeRead(): Promise<void> {
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

  async #isWhole(): Promise<void> {
    await this.#ledger.check({ whole: true });
    for (const reader of this.#readers) await reader.agrees();
  }

  async #publishes(): Promise<void> {
    while (this.#isFull) {
      const answer = await this.#ledger.publish([this.#draft()]);
      // Where the process was killed, there is no answer.
      if (!answer) await sleep(5);
      if (!answer || answer.seqs) continue;
      assert.deepEqual([answer.status, answer.error?.code], [500, "internal"]);
      this.#refused += 1;
    }
  }

  async #publishesOverASocket(): Promise<void> {
    while (this.#isFull) {
      this.#context.pick(this.#readers).publish(this.#draft());
      await sleep(20);
    }
  }

  #draft() {
    const key = this.#context.below(2) === 0 ? `k${this.#context.below(5)}` : undefined;
    return this.#ledger.draft("x".repeat(this.#context.below(5_000)), key);
  }
}

/** A file that leaves so much of its disk, or less: others write there, too. */
function fill(path: string, left: number): void {
  const { bavail, bsize } = statfsSync(dirname(path));
  try {
    writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - left)));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  }
}
