// Prints the bundled, minified and gzipped size that this package and each comparable package add
// to a page. Fails if this package exceeds a budget.
import { buildSync } from "esbuild";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const CLIENT_BUDGET = 11_600;
const HOOKS_BUDGET = 2_500;
const HISTORY_BUDGET = 600;
const FALLBACK_BUDGET = 5_000;

/** Path of the fallback, which is imported only if no WebSocket can be opened. */
const FALLBACK = "../fallback/index.js";

const here = fileURLToPath(new URL(".", import.meta.url));

function sizeOf(source, external = ["react", FALLBACK]) {
  const { outputFiles } = buildSync({
    stdin: { contents: source, resolveDir: here },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external,
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const client = sizeOf(`export { createClient, RoomcastError } from "./dist/index.js";`);
const both = sizeOf(
  `export { createClient, RoomcastError } from "./dist/index.js"; export * from "./dist/react.js";`,
);
const { useHistory: _, ...otherHooks } = await import("./dist/react.js");
const withoutHistory = sizeOf(
  `export { createClient, RoomcastError } from "./dist/index.js"; export { ${Object.keys(otherHooks)} } from "./dist/react.js";`,
);
const withFallback = sizeOf(`export { createClient, RoomcastError } from "./dist/index.js";`, []);

const sizes = {
  "roomcast (client with recovery)": client,
  "roomcast/react (hooks, on top)": both - client,
  "… of which useHistory": both - withoutHistory,
  "roomcast (fallback, on demand)": withFallback - client,
  partysocket: sizeOf(`export { default } from "partysocket";`),
  phoenix: sizeOf(`export { Socket } from "phoenix";`),
  "socket.io-client": sizeOf(`export { io } from "socket.io-client";`),
  "@supabase/realtime-js": sizeOf(`export { RealtimeClient } from "@supabase/realtime-js";`),
  "pusher-js": sizeOf(`export { default } from "pusher-js";`),
  centrifuge: sizeOf(`export { Centrifuge } from "centrifuge";`),
  ably: sizeOf(`export { Realtime } from "ably";`),
};

for (const [name, bytes] of Object.entries(sizes)) {
  console.log(`${name.padEnd(34)}${(bytes / 1_000).toFixed(1).padStart(6)} kB`);
}

const isOver =
  client > CLIENT_BUDGET ||
  both - client > HOOKS_BUDGET ||
  both - withoutHistory > HISTORY_BUDGET ||
  withFallback - client > FALLBACK_BUDGET;
if (isOver) {
  console.error(
    `Over budget: ${CLIENT_BUDGET} B for the client, ${HOOKS_BUDGET} B for the hooks (${HISTORY_BUDGET} B for useHistory), ${FALLBACK_BUDGET} B for the fallback.`,
  );
  process.exitCode = 1;
}
