// node tools/feed.ts [--url <url>] [--room <room>] [--batch <events in a request>]
//
// Publishes a real week of earthquakes, each keyed by its id. Stopped and
// started again it goes on where it was: what is there already counts once.
import { parseArgs } from "node:util";
import { issue } from "./jwt.ts";
import { publish } from "./publish.ts";
import { event, features } from "./quakes.ts";

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
  if (!(Number.isInteger(batch) && batch >= 1 && batch <= 1000)) {
    throw new Error(`--batch ${values.batch}: takes 1 to 1000, the events in one request`);
  }

  const target = { url, room, token: issue("usgs", { [room]: ["publish"] }, 3600) };
  const events = features().map(event);
  const began = Date.now();
  let retries = 0;
  let lastReason = "";
  const onRetry = (reason: string) => {
    retries += 1;
    if (reason !== lastReason) console.error(`\ntrying again: ${reason}`);
    lastReason = reason;
  };

  console.log(`${events.length} earthquakes into ${room} at ${url}`);
  const seqs = new Set<number>();
  let epoch = "";
  for (let from = 0; from < events.length; from += batch) {
    const answer = await publish(target, events.slice(from, from + batch), { onRetry });
    epoch = answer.epoch;
    for (const seq of answer.seqs) seqs.add(seq);
    progress(seqs.size, events.length);
  }
  const took_s = ((Date.now() - began) / 1000).toFixed(1);
  console.log(
    `${seqs.size} acknowledged, ${epoch}:${Math.min(...seqs)} to ${epoch}:${Math.max(...seqs)}, in ${took_s} s with ${retries} retries`,
  );
}

function progress(done: number, all: number): void {
  if (!process.stdout.isTTY) return;
  process.stdout.write(`\r${done} of ${all}${done === all ? "\n" : ""}`);
}

feed().catch((error: Error) => {
  console.error(`feed: ${error.message}`);
  process.exitCode = 1;
});
