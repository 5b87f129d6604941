/** A folder of a project, in which the tests run the commands. */
import { spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

/** The script of the command line. */
export const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

const FAKE_WRANGLER = new URL("fake-wrangler.mjs", import.meta.url);

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command and its output so far. */
export interface Running {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
  /** Resolves when the output contains the text. Rejects if the command ends before. */
  prints(pattern: RegExp): Promise<RegExpExecArray>;
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  /** Replaces the command line of the roomcast command. */
  readonly command?: readonly string[];
}

export class Project {
  readonly folder: string;

  /** Creates the folder with files. Removes it after the test. */
  constructor(t: TestContext, files: Record<string, string> = {}, name = "my-chat") {
    const parent = mkdtempSync(join(tmpdir(), "roomcast-test-"));
    t.after(() => rmSync(parent, { recursive: true, force: true }));
    chmodSync(parent, 0o755);
    this.folder = join(parent, name);
    mkdirSync(this.folder);
    for (const [file, text] of Object.entries(files)) this.write(file, text);
  }

  /** Installs a stand-in for wrangler, which answers as `answers` say. */
  installFakeWrangler(answers: object = {}): void {
    this.write("node_modules/wrangler/package.json", '{ "bin": { "wrangler": "bin.mjs" } }');
    this.write("node_modules/wrangler/bin.mjs", readFileSync(FAKE_WRANGLER, "utf8"));
    this.write("fake.json", JSON.stringify(answers));
  }

  /** Returns the calls of the stand-in, the oldest first. */
  calls(): { args: string[]; uploaded?: { JWT_SECRET: string } }[] {
    if (!this.has("calls.ndjson")) return [];
    const lines = this.read("calls.ndjson").trimEnd().split("\n");
    return lines.map((line) => JSON.parse(line));
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text);
  }

  read(file: string): string {
    return readFileSync(this.path(file), "utf8");
  }

  has(file: string): boolean {
    return existsSync(this.path(file));
  }

  modeOf(file: string): number {
    return statSync(this.path(file)).mode & 0o777;
  }

  /** Returns the text of each file, without `node_modules`. */
  files(): Record<string, string> {
    const names = readdirSync(this.folder, { recursive: true, encoding: "utf8" });
    return Object.fromEntries(
      names
        .filter((name) => !name.startsWith("node_modules") && statSync(this.path(name)).isFile())
        .sort()
        .map((name) => [name, this.read(name)]),
    );
  }

  /** Returns the time at which each file was last written. */
  times(): number[] {
    return Object.keys(this.files()).map((file) => statSync(this.path(file)).mtimeMs);
  }

  /** Runs a command of roomcast in the folder, and resolves with its outcome. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.start(args, options).outcome;
  }

  start(args: readonly string[], { env = {}, uid, command }: RunOptions = {}): Running {
    const [program = "", ...rest] = command ?? [process.execPath, MAIN];
    const { JWT_SECRET: _, NODE_OPTIONS: __, ...inherited } = process.env;
    const child = spawn(program, [...rest, ...args], {
      cwd: this.folder,
      env: { ...inherited, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      ...(uid !== undefined && { uid, gid: uid }),
    });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => (output[stream] += text));
    }
    const outcome = new Promise<Outcome>((done, fail) => {
      child.on("error", fail);
      child.on("close", (exitCode) => done({ exitCode, ...output }));
    });
    return {
      child,
      outcome,
      prints: (pattern) =>
        new Promise((done, fail) => {
          const check = () => {
            const match = pattern.exec(output.stdout);
            if (match) done(match);
          };
          child.stdout.on("data", check);
          child.on("close", () =>
            fail(new Error(`the command ended:\n${output.stdout}${output.stderr}`)),
          );
          check();
        }),
    };
  }
}
