#!/usr/bin/env node
// The bin of the package. Its imports are loaded only by a Node that has them.

/** Version that wrangler requires too. */
const MIN_NODE = [22, 12] as const;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
  console.error(
    `roomcast: the commands need Node ${MIN_NODE.join(".")} or later, as wrangler does. This is Node ${process.versions.node}.`,
  );
  process.exitCode = 1;
} else {
  const { run } = await import("./run.ts");
  process.exitCode = await run(process.argv.slice(2));
}
