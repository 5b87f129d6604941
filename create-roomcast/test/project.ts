/** A project as a newcomer gets it: created by the packed packages, outside of the repository. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify, stripVTControlCharacters } from "node:util";
import { ENV, pack } from "../../tests/package/package.ts";

const execute = promisify(execFile);

/** Does without a request to Cloudflare for the data of `request.cf`. */
const env = { ...ENV, CLOUDFLARE_CF_FETCH_ENABLED: "false" };

export class Project {
  readonly directory: string;
  /** Output of `npm create roomcast`. */
  readonly output: string;
  readonly #parent: string;
  #dev: ChildProcess | undefined;

  private constructor(parent: string, directory: string, output: string) {
    this.#parent = parent;
    this.directory = directory;
    this.output = output;
    process.once("exit", () => this.#kill());
  }

  /** Creates a project in a folder with a space in its path, and installs its packages. */
  static async create(): Promise<Project> {
    const parent = await mkdtemp(join(tmpdir(), "roomcast create-"));
    const creator = await pack("create-roomcast");
    const command = ["exec", "--yes", "--package", creator, "--", "create-roomcast", "My Chat"];
    const { stdout } = await execute("npm", command, { cwd: parent, env });
    const project = new Project(parent, join(parent, "My Chat"), stdout);
    await project.run(
      "npm",
      "install",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      await pack(),
    );
    return project;
  }

  /** Runs a command in the project. Rejects with its output if it fails. */
  async run(command: string, ...args: string[]): Promise<string> {
    try {
      const { stdout, stderr } = await execute(command, args, { cwd: this.directory, env });
      return stdout + stderr;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`);
    }
  }

  /** Starts `npm run dev`. Returns the URL of the page. */
  async dev(): Promise<string> {
    this.#dev = spawn("npm", ["run", "dev", "--", "--host", "127.0.0.1"], {
      cwd: this.directory,
      env,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    for await (const line of createInterface({ input: this.#dev.stdout! })) {
      const [, url] = /Local:\s+(http:\S+?)\/$/.exec(stripVTControlCharacters(line)) ?? [];
      if (url !== undefined) return url;
    }
    throw new Error("`npm run dev` ended before it printed its URL");
  }

  async stop(): Promise<void> {
    this.#kill();
    await rm(this.#parent, { recursive: true, force: true, maxRetries: 10 });
  }

  /** Kills the group of processes: npm, Vite and workerd. */
  #kill(): void {
    const pid = this.#dev?.pid;
    this.#dev = undefined;
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  }
}
