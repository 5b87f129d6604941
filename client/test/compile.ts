/** Compiles code in the same way as an app that depends on the package. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

export interface TsConfig {
  readonly extends?: string;
  readonly compilerOptions: object;
}

/**
 * Compiles files, whose paths are the keys of `files`, in a separate folder. Fails with the
 * compiler's output.
 */
export type Compile = (folder: string, files: Record<string, string>, config: TsConfig) => void;

/** Returns the compiler of one test file. The compiler's output is removed after the tests. */
export function compilerIn(name: string): Compile {
  // The folder is inside the package, so that `roomcast` resolves to the package.
  const scratch = new URL(`../.compiled/${name}/`, import.meta.url);
  after(() => rmSync(scratch, { recursive: true, force: true }));

  return (folder, files, config) => {
    const root = fileURLToPath(new URL(`${folder}/`, scratch));
    const tsconfig = JSON.stringify({ ...config, files: Object.keys(files), include: [] });
    for (const [path, content] of Object.entries({ ...files, "tsconfig.json": tsconfig })) {
      mkdirSync(dirname(`${root}${path}`), { recursive: true });
      writeFileSync(`${root}${path}`, content);
    }
    try {
      execFileSync("tsc", ["-p", root], { encoding: "utf8" });
    } catch (error) {
      assert.fail((error as { stdout: string }).stdout);
    }
  };
}
