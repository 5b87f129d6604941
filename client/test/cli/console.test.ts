import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Project } from "./project.ts";

const COPY = fileURLToPath(new URL("copy-console.mjs", import.meta.url));
const MARK = '<meta name="roomcast-console" />';

/** Copies the console in `files` to `public`. */
const copy = (project: Project) => project.run([], { command: [process.execPath, COPY] });

const built = { "files/console.html": MARK, "files/console/roomcast-B2.js": "new" };

describe("npx roomcast console", () => {
  it("copies the files, and lists them", async (t) => {
    const project = new Project(t, built);
    const { exitCode, stdout } = await copy(project);
    assert.equal(exitCode, 0);
    assert.equal(stdout, "wrote    public/console/roomcast-B2.js\nwrote    public/console.html\n");
    assert.equal(project.read("public/console.html"), MARK);
    assert.equal(project.read("public/console/roomcast-B2.js"), "new");
  });

  it("replaces an earlier version, and no file of the project", async (t) => {
    const project = new Project(t, {
      ...built,
      "public/console.html": `${MARK} old`,
      "public/console/roomcast-A1.js": "old",
      "public/console/own.js": "own",
      "public/index.html": "app",
    });
    const { stdout } = await copy(project);
    assert.match(stdout, /^removed  public\/console\/roomcast-A1.js$/m);
    assert.deepEqual(
      Object.keys(project.files()).filter((file) => file.startsWith("public/")),
      [
        "public/console.html",
        "public/console/own.js",
        "public/console/roomcast-B2.js",
        "public/index.html",
      ],
    );
    assert.equal(project.read("public/console.html"), MARK);
  });

  it("writes nothing if the page is of the project", async (t) => {
    const project = new Project(t, { ...built, "public/console.html": "our console" });
    const before = project.files();
    const { exitCode, stderr } = await copy(project);
    assert.equal(exitCode, 1);
    assert.match(stderr, /public\/console.html is a file of your own/);
    assert.deepEqual(project.files(), before);
  });
});
