// node tools/feed.ts [--url <url>] [--room <room>] [--batch <events in a request>]
//
// Publishes a real week of earthquakes. Each event has the earthquake's id as its id and its key.
// The tool can be run again after an interruption: the room does not store an id twice.
import { parseArgs } from "node:util";
import { createBackend } from "roomcast/server";
import { signToken } from "../client/src/cli/sign.ts";
import { earthquakes, event } from "./quakes.ts";

const MAX_BATCH = 1_000;

async function feed(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: "string", default: "http://localhost:8787" },
      room: { type: "string", default: "quakes:week" },
      batch: { type: "string", default: "1" },
    },
  });
  const { url, room } = values;
  const batch = Number(values.batch);
  if (!(Number.isInteger(batch) && batch >= 1 && batch <= MAX_BATCH)) {
    throw new Error(
      `--batch ${values.batch}: expected a number of events per request, from 1 to ${MAX_BATCH}`,
    );
  }

  let failures = 0;
  let lastReason = "";
  const failed = (reason: string): void => {
    failures += 1;
    if (reason !== lastReason) console.error(`\na request failed: ${reason}`);
    lastReason = reason;
  };
  const backend = createBackend({
    url,
    token: await signToken({
      user: "usgs",
      rooms: { [room]: ["publish"] },
      expiresInSeconds: 3600,
    }),
    timeoutMs: 60_000,
    // The backend retries a failed request. This wrapper prints the reason of the failure.
    async fetch(...request) {
      try {
        const response = await fetch(...request);
        if (!response.ok) failed(`${response.status} ${response.statusText}`);
        return response;
      } catch (error) {
        failed(String((error as Error).cause ?? error));
        throw error;
      }
    },
  });

  const events = earthquakes().map(event);
  const startedAt = Date.now();
  console.log(`publishing ${events.length} earthquakes to ${room} at ${url}`);
  const seqs = new Set<number>();
  for (let from = 0; from < events.length; from += batch) {
    const acknowledged = await backend.publishBatch(room, events.slice(from, from + batch));
    for (const seq of acknowledged) seqs.add(seq);
    showProgress(seqs.size, events.length);
  }
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(
    `${seqs.size} acknowledged, seqs ${Math.min(...seqs)} to ${Math.max(...seqs)}, in ${seconds} s, failed requests: ${failures}`,
  );
}

function showProgress(done: number, all: number): void {
  if (!process.stdout.isTTY) return;
  process.stdout.write(`\r${done} of ${all}${done === all ? "\n" : ""}`);
}

feed().catch((error: Error) => {
  console.error(`feed: ${error.message}`);
  process.exitCode = 1;
});
