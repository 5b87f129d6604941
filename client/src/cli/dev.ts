/** `roomcast dev`: serves the project on this machine. */
import { parseArgs } from "node:util";
import { basePathIn, readConfig } from "./project.ts";
import { DEV_VARS, devVariables } from "./secret.ts";
import { examples } from "./try.ts";
import { findWrangler } from "./wrangler.ts";

export const usage = `npx roomcast dev [options of wrangler dev]

Serves the project on http://localhost:8787 with the secret in .dev.vars. Passes all options to
wrangler dev.`;

const TOKEN = '$(npx roomcast token --user ann --room "try:*" --can subscribe,publish)';

export async function run(args: string[]): Promise<number> {
  const wrangler = findWrangler();
  const { values } = parseArgs({ args, strict: false, options: { port: { type: "string" } } });
  if (devVariables(".").JWT_SECRET === undefined) {
    console.log(`${DEV_VARS} has no JWT_SECRET: npx roomcast init adds one.\n`);
  }
  const basePath = basePathIn(".", readConfig("."));
  const url = `http://localhost:${values.port ?? 8787}${basePath}`;
  console.log(`When wrangler is ready, try the worker in another terminal:\n`);
  console.log(`${examples(url, TOKEN)}\n`);
  return wrangler.run(["dev", ...args]);
}
