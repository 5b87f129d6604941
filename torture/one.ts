// node torture/one.ts <options>
//
// One part in a process of its own. What came of it goes to the process that asked.
import { type RunOptions, Stage } from "./part.ts";
import { PARTS } from "./parts.ts";
import type { Result } from "./run.ts";

const options = JSON.parse(process.argv[2] ?? "") as RunOptions;
const part = PARTS[options.part];
if (!part) throw new Error(`there is no part ${options.part}`);

// What is left behind is ended as the process exits, however it comes to that.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(1));
process.on("disconnect", () => process.exit(1));

const stage = new Stage(options);
const said: Partial<Result> = {};
try {
  said.outcome = await part.run(stage);
} catch (error) {
  said.failed = (error as Error).stack ?? String(error);
}
await stage.end();
process.send?.(said, () => process.exit());
