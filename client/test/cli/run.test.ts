import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Project } from "./project.ts";

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

describe("npx roomcast", () => {
  for (const args of [[], ["help"], ["--help"], ["-h"]]) {
    it(`${args.join(" ")} lists the commands`, async (t) => {
      const { exitCode, stdout } = await new Project(t).run(args);
      assert.equal(exitCode, 0);
      for (const command of ["init", "dev", "deploy", "token", "console", "export", "import"]) {
        assert.match(stdout, new RegExp(`^  ${command}\\b`, "m"));
      }
    });
  }

  for (const command of ["init", "dev", "deploy", "token", "console", "export", "import"]) {
    it(`${command} --help describes the command and runs nothing`, async (t) => {
      const project = new Project(t);
      const { exitCode, stdout } = await project.run([command, "--help"]);
      assert.equal(exitCode, 0);
      assert.ok(stdout.startsWith(`npx roomcast ${command}`));
      assert.deepEqual(project.files(), {});
    });
  }

  it("--version prints the version of the package", async (t) =>
    assert.deepEqual(await new Project(t).run(["--version"]), {
      exitCode: 0,
      stdout: `${version}\n`,
      stderr: "",
    }));

  for (const [args, message] of [
    [
      ["publish"],
      "publish: expected init, check, dev, deploy, token, console, export, import or --help",
    ],
    [
      ["constructor"],
      "constructor: expected init, check, dev, deploy, token, console, export, import or --help",
    ],
    [["init", "--force"], "Unknown option '--force'"],
    [["export"], "expected the name of one room"],
    [["export", "a"], "--url is missing"],
    [["import", "a/b", "--url", "https://rt.example.com"], 'The room name "a/b" contains'],
    [["export", "a", "--url", "rt.example.com"], "--url rt.example.com: expected a URL"],
    [["console"], "expected the folder of the static assets"],
    [["init", "a", "b"], "b: expected a single directory"],
  ] as const) {
    it(`${args.join(" ")} exits with 2 and changes nothing`, async (t) => {
      const project = new Project(t);
      const { exitCode, stdout, stderr } = await project.run(args);
      assert.deepEqual([exitCode, stdout], [2, ""]);
      assert.ok(stderr.startsWith(`roomcast: ${message}`), stderr);
      assert.deepEqual(project.files(), {});
    });
  }
});
