// Compiles JSX, because Node only strips types. Use this module as `node --import ./test/tsx.mjs`.
import { transformSync } from "esbuild";
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith(".tsx")) return nextLoad(url, context);
    const source = readFileSync(fileURLToPath(url), "utf8");
    const { code } = transformSync(source, { loader: "tsx", jsx: "automatic", format: "esm" });
    return { format: "module", source: code, shortCircuit: true };
  },
});
