/**
 * Runs schemathesis against the worker. It generates valid and invalid requests from
 * docs/openapi.yaml, and checks that the worker accepts the valid ones, rejects the invalid ones,
 * and answers as documented.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { pythonPath, skipPython } from "../../tools/languages.ts";
import { claims, sign } from "../edge/jwt.ts";
import { Runtime, SECRET } from "../edge/runtime.ts";

/** Another seed generates other requests. The same seed always generates the same requests. */
const seed = process.env.ROOMCAST_SEED ?? "1";

test(
  "schemathesis finds no difference between openapi.yaml and the worker",
  { skip: skipPython },
  async (t) => {
    const unlimited = { publishes_per_second: 1_000_000, reads_per_second: 1_000_000 };
    const runtime = await Runtime.start({ settings: { "*": unlimited } });
    t.after(() => runtime.stop());
    // schemathesis writes files into its working directory.
    const cwd = await mkdtemp(join(tmpdir(), "schemathesis-"));
    t.after(() => rm(cwd, { recursive: true }));
    const token = sign(claims("alice", ["subscribe", "publish", "presence", "admin"]), SECRET);
    const args = [
      ...["-m", "schemathesis.cli", "--config-file", path("schemathesis.toml"), "--no-color"],
      ...["run", path("../../docs/openapi.yaml"), "--url", runtime.url, "--seed", seed],
      ...["--header", `Authorization: Bearer ${token}`],
    ];
    const env = { ...process.env, SCHEMATHESIS_HOOKS: path("hooks.py") };
    const child = spawn(pythonPath(), args, { cwd, env });
    const output = [child.stdout, child.stderr].map((stream) => text(stream));
    const [code] = await once(child, "close");
    const report = (await Promise.all(output)).join("");
    assert(code === 0 && !report.includes("Warnings:"), report);
    t.diagnostic(/\d+ generated, .*/.exec(report)?.[0] ?? report);
  },
);

function path(file: string): string {
  return join(import.meta.dirname, file);
}
