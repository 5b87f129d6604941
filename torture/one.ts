// node torture/one.ts <options>
//
// One suite in a process of its own. What came of it goes to the process that asked.
import { type RunOptions, SuiteContext } from "./suite.ts";
import { SUITES } from "./suites.ts";
import type { Result } from "./run.ts";

const options = JSON.parse(process.argv[2] ?? "") as RunOptions;
const suite = SUITES[options.suite];
if (!suite) throw new Error(`there is no suite ${options.suite}`);

// What is left behind is ended as the process exits, however it comes to that.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(1));
process.on("disconnect", () => process.exit(1));

const context = new SuiteContext(options);
const said: Partial<Result> = {};
try {
  said.outcome = await suite.run(context);
} catch (error) {
  said.failed = (error as Error).stack ?? String(error);
}
await context.end();
process.send?.(said, () => process.exit());
