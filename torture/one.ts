// node torture/one.ts <options>
//
// Runs one suite in this process, and sends its result to the parent process.
import { type RunOptions, SuiteContext } from "./suite.ts";
import { SUITES } from "./suites.ts";
import type { Result } from "./run.ts";

const options = JSON.parse(process.argv[2] ?? "") as RunOptions;
const suite = SUITES[options.suite];
if (!suite) throw new Error(`there is no suite ${options.suite}`);

// Exit handlers stop the processes that the suite has started, so a signal or the loss of the
// parent must lead to a normal exit.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(1));
process.on("disconnect", () => process.exit(1));

const context = new SuiteContext(options);
const result: Partial<Result> = {};
try {
  result.outcome = await suite.run(context);
} catch (error) {
  result.failed = (error as Error).stack ?? String(error);
}
await context.end();
process.send?.(result, () => process.exit());
