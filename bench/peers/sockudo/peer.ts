import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Peer, Server } from "../peer.ts";
import { APP } from "../pusher/dialect.ts";

const PROGRAM = resolve(import.meta.dirname, "../../../.tools/bin/sockudo");
const STARTS_WITHIN_MS = 10_000;

/** Sockudo takes part only if it was compiled with `make sockudo`, which takes minutes. */
export const isBuilt = (): boolean => existsSync(PROGRAM);

export const peer: Peer = {
  name: "sockudo",
  title: "Sockudo",
  version: "4.5.2",
  setup: "native (Rust), on all cores; in memory, protocol 2 with recovery, no rate limits",
  lacks: ["storage (it recovers from memory)", "one order with several publishers"],
  can: new Set(["recover", "pusher"]),
  async start() {
    const directory = await mkdtemp(join(tmpdir(), "sockudo-"));
    const port = await freePort();
    const path = join(directory, "config.json");
    await writeFile(path, JSON.stringify(configuration(port)));
    const child = spawn(PROGRAM, ["--config", path], { stdio: "ignore", cwd: directory });
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    const exited = once(child, "exit");
    const server: Server = {
      pid: child.pid!,
      target: { dialect: "sockudo", port },
      async stop() {
        process.off("exit", kill);
        kill();
        await exited;
        await rm(directory, { recursive: true, force: true });
      },
    };
    await listening(child, port);
    return server;
  },
};

async function listening(child: ChildProcess, port: number): Promise<void> {
  for (const until = Date.now() + STARTS_WITHIN_MS; Date.now() < until; await sleep(10)) {
    if (child.exitCode !== null) throw new Error(`Sockudo exited with ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port}/up`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer) return;
  }
  throw new Error("Sockudo did not answer in time");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

const configuration = (port: number) => ({
  host: "127.0.0.1",
  port,
  mode: "production",
  metrics: { enabled: false },
  rate_limiter: { enabled: false },
  connection_recovery: { enabled: true, max_buffer_size: 1000 },
  event_limits: { max_batch_size: 100 },
  app_manager: {
    driver: "memory",
    array: {
      apps: [
        {
          ...APP,
          enabled: true,
          policy: {
            limits: {
              max_connections: 100_000,
              max_client_events_per_second: 10_000_000,
              max_event_batch_size: 100,
            },
            features: { enable_client_messages: true, enable_user_authentication: true },
          },
        },
      ],
    },
  },
});
