import { createRequire } from "node:module";
import { build } from "esbuild";
import type { Peer } from "../peer.ts";
import { workerd, workerdVersion } from "../workerd.ts";

const { version }: { version: string } = createRequire(import.meta.url)("partyserver/package.json");

export const peer: Peer = {
  name: "partyserver",
  title: "partyserver",
  version: `${version}, workerd ${workerdVersion}`,
  setup: "the same room as the plain object, with hibernation",
  lacks: ["tokens", "idempotent ids", "gap detection"],
  can: new Set(["recover", "hibernate"]),
  async start() {
    await build({
      absWorkingDir: import.meta.dirname,
      entryPoints: ["worker.js"],
      outdir: "build",
      bundle: true,
      format: "esm",
      external: ["cloudflare:*"],
      logLevel: "warning",
    });
    return workerd("partyserver", { vars: {}, root: import.meta.dirname });
  },
};
