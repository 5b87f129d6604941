// What the package costs a page, beside its peers: bundled, minified, gzipped. Fails over budget.
import { buildSync } from "esbuild";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const CLIENT_BUDGET = 8_000;
const HOOKS_BUDGET = 2_000;

const here = fileURLToPath(new URL(".", import.meta.url));

function sizeOf(source) {
  const { outputFiles } = buildSync({
    stdin: { contents: source, resolveDir: here },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["react"],
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const client = sizeOf(`export { createClient, RoomcastError } from "./dist/index.js";`);
const both = sizeOf(
  `export { createClient, RoomcastError } from "./dist/index.js"; export * from "./dist/react.js";`,
);

const sizes = {
  "roomcast (client with recovery)": client,
  "roomcast/react (hooks, on top)": both - client,
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

if (client > CLIENT_BUDGET || both - client > HOOKS_BUDGET) {
  console.error(`Over budget: ${CLIENT_BUDGET} B for the client, ${HOOKS_BUDGET} B for the hooks.`);
  process.exitCode = 1;
}
