// node tools/dev.ts <port>
//
// Serves the worker on this machine with wrangler, and says how to try it.
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const port = Number(process.argv[2]);
const url = `http://localhost:${port}`;

const taken = await new Promise<boolean>((resolve) => {
  const probe = connect(port, "localhost", () => {
    probe.destroy();
    resolve(true);
  });
  probe.on("error", () => resolve(false));
});
if (taken) {
  console.error(
    `Port ${port} is taken: stop what listens there, or run: make dev PORT=${port + 1}`,
  );
  process.exit(1);
}

const wrangler = spawn("wrangler", ["dev", "--port", String(port)], { stdio: "inherit" });
wrangler.on("exit", (code) => process.exit(code ?? 1));

// A terminal sends ^C to wrangler too, which then takes its leave in order.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => wrangler.kill("SIGTERM"));

const serves = () =>
  fetch(`${url}/healthz`).then(
    (response) => response.ok,
    () => false,
  );
while (!(await serves())) await sleep(200);

console.log(`
Roomcast serves on ${url}. Try it in another terminal:

  TOKEN=$(make token ARGS='--user alice --room "shipments:*" --can subscribe,publish --for 1h')
  curl ${url}/rooms/shipments:42/events -H "Authorization: Bearer $TOKEN" -d '{"name":"shipment:updated","data":{"status":"delivered"}}'
`);
