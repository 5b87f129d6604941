// Stands in for wrangler: records each call in calls.ndjson, and answers as `fake.json` says.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

const args = process.argv.slice(2);
const {
  secrets,
  listError,
  exitCode = 0,
  targets = [],
  waits,
  health,
} = existsSync("fake.json") ? JSON.parse(readFileSync("fake.json", "utf8")) : {};
const secretsFile = args[args.indexOf("--secrets-file") + 1];
const uploaded =
  args.includes("--secrets-file") && secretsFile.endsWith(".json")
    ? JSON.parse(readFileSync(secretsFile, "utf8"))
    : undefined;
appendFileSync("calls.ndjson", `${JSON.stringify({ args, uploaded })}\n`);

if (args[0] === "secret") {
  if (listError !== undefined) {
    console.error(listError);
    process.exitCode = 1;
  } else if (secrets === undefined) {
    // The text of wrangler 4.164.0.
    console.error('✘ [ERROR] Worker "my-chat" not found.\n\nIf this is a new Worker, run');
    process.exitCode = 1;
  } else {
    console.log(
      JSON.stringify(
        secrets.map((name) => ({ name, type: "secret_text" })),
        null,
        "  ",
      ),
    );
  }
} else if (health) {
  // A worker: answers the health check, and writes its log afterwards, in bold.
  const server = createServer((request, response) => {
    const { status, body, log = [] } = health[request.url] ?? { status: 404, body: "" };
    response.writeHead(status).end(body);
    setImmediate(() =>
      log.forEach((entry) => console.error(`\x1b[1m${JSON.stringify(entry)}\x1b[0m`)),
    );
  });
  server.listen(0, "127.0.0.1", () => {
    console.log(`⎔ Ready on http://127.0.0.1:${server.address().port}`);
  });
} else if (waits) {
  process.on(waits, () => process.exit(7));
  setTimeout(() => process.exit(9), 20_000); // No signal has arrived.
  console.log("waiting");
} else {
  const output = process.env.WRANGLER_OUTPUT_FILE_PATH;
  if (output !== undefined) {
    const lines = [
      { type: "wrangler-session" },
      ...(exitCode ? [] : [{ type: "deploy", targets }]),
    ];
    appendFileSync(output, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }
  process.exitCode = exitCode;
}
