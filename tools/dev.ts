// node tools/dev.ts <port>
//
// Serves the worker with wrangler on this machine, with the demo's page at its root, and the console
// at /console. Starts the demo's backend on the next port. Prints a command that publishes an event.
import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const port = Number(process.argv[2]);
const url = `http://localhost:${port}`;

for (const needed of [port, port + 1]) {
  if (await isInUse(needed)) {
    console.error(
      `Port ${needed} is in use: stop the process that listens there, or run: make dev PORT=${port + 10}`,
    );
    process.exit(1);
  }
}

const children: ChildProcess[] = [];
let ending = false;
// A terminal sends SIGINT (^C) to the child processes too, so this process does not send it to
// them.
process.on("SIGINT", () => (ending = true));
process.on("SIGTERM", end);

// Only this command adds the demo. A deploy contains only the worker and the console.
const assets = "target/assets";
rmSync(assets, { recursive: true, force: true });
for (const from of ["demo/dist", "console/dist"]) cpSync(from, assets, { recursive: true });
start("wrangler", [
  ...["dev", "--port", String(port), "--assets", assets],
  ...["--log-level", "warn"], // The demo's fleet alone sends one request per second.
]);
let health: Response | undefined;
while (!ending && health === undefined) health = await requestHealth();
if (health !== undefined && !health.ok) {
  console.error(
    `The worker can't serve requests. Fix the error above, and run this command again.`,
  );
  process.exitCode = 1;
  end();
}
if (!ending) {
  start("node", ["demo/backend/main.ts"], { ROOMCAST_URL: url, PORT: String(port + 1) });
  console.log(`
Roomcast is running on ${url}

  Open it in two windows to see the same live cargo board in both.
  The console for operators is at ${url}/console, and this prints a token for it:

  make token ARGS='--user me --room "*" --can admin,subscribe,publish,presence --for 1h'

  Or try it in another terminal:

  TOKEN=$(make token ARGS='--user alice --room "shipments:*" --can subscribe,publish --for 1h')
  curl ${url}/rooms/shipments:42/events -H "Authorization: Bearer $TOKEN" -d '{"name":"shipment:updated","data":{"status":"delivered"}}'
`);
}

/** Starts a process. When the process exits, all other processes are ended too. */
function start(command: string, args: string[], env: NodeJS.ProcessEnv = {}): void {
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  child.on("exit", (code) => {
    if (!ending) process.exitCode = code ?? 1;
    end();
  });
  children.push(child);
}

function end(): void {
  ending = true;
  for (const child of children) child.kill("SIGTERM");
}

function requestHealth(): Promise<Response | undefined> {
  return fetch(`${url}/healthz`).catch(() => sleep(200, undefined));
}

function isInUse(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(port, "localhost", () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", () => resolve(false));
  });
}
