import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { AxeResults } from "axe-core";
import { chromium, type Browser, type BrowserContextOptions } from "playwright-core";
import { createBackend } from "roomcast/server";
import { needsBrowser } from "../../demo/test/environment.ts";
import { desktop, phone } from "../../demo/test/screens.ts";
import { browserPath } from "../../tools/browser.ts";
import { ChatPage } from "./chatPage.ts";
import { Project } from "./project.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const TEMPLATE = join(import.meta.dirname, "../template");
const ROOM = "chat:lobby";
/** Maximum number of lines of the template's code, without blank lines and comments. */
const MAX_LINES = 340;

describe("the template", () => {
  let project: Project;
  before(async () => void (project = await Project.create()));
  after(() => project?.stop());

  it("is short enough to read in ten minutes", async () => {
    const files = (await readdir(join(TEMPLATE, "src"))).map((name) => join(TEMPLATE, "src", name));
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
    const lines = texts.join("\n").split("\n");
    const code = lines.filter((line) => !/^\s*(?:$|\/\/|\/\*|\*)/.test(line));
    assert.ok(code.length <= MAX_LINES, `${code.length} lines`);
  });

  it("prints the next commands", () => {
    assert.match(project.output, /cd "My Chat"\n {2}npm install\n {2}npm run dev\n/);
  });

  it("installs one copy of the runtime", async () => {
    const tree = await project.run("npm", "ls", "workerd", "--parseable");
    assert.equal(tree.trim().split("\n").length, 1, tree);
  });

  it("builds, and passes a deploy without upload", async () => {
    await project.run("npm", "run", "build");
    const output = await project.run("npm", "exec", "wrangler", "--", "deploy", "--dry-run");
    assert.match(output, /env\.ROOMS \(RoomObject\)/);
    assert.match(output, /\.wasm/);
  });

  describe("in a browser", needsBrowser, () => {
    let browser: Browser;
    let url: string;
    before(async () => {
      const args = ["--disable-gpu", "--disable-component-update", "--disable-sync"];
      browser = await chromium.launch({ executablePath: await browserPath(), args });
      url = await project.dev();
    });
    afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
    after(() => browser?.close());

    const join = (name: string, options?: BrowserContextOptions): Promise<ChatPage> =>
      ChatPage.join(browser, url, name, options);

    /** Publishes numbered messages, as a user without a window. */
    async function publish(count: number, text: string): Promise<void> {
      const token = async (): Promise<string> => {
        const response = await fetch(`${url}/api/token`, { method: "POST", body: "Publisher" });
        return response.text();
      };
      const backend = createBackend({ url: `${url}/realtime`, token });
      const events = Array.from({ length: count }, (_, n) => ({
        name: "message",
        data: { text: `${text} ${n + 1}.` },
      }));
      await backend.publishBatch(ROOM, events);
    }

    it("shows messages, who is here and who is typing in both windows", async () => {
      const ann = await join("Ann");
      await ann.page.getByText("Nobody has written yet.").waitFor();
      const ben = await join("Ben");
      await ann.waitForUsers("Ann", "Ben");
      await ben.waitForUsers("Ann", "Ben");

      await ann.composer.pressSequentially("Hello Ben");
      await ben.page.getByText("Typing: Ann").waitFor();
      await ann.composer.press("Enter");
      await ben.waitForMessage("Hello Ben");
      await ann.waitForMessage("Hello Ben");
      await ben.page.getByText("Typing: Ann").waitFor({ state: "detached" });

      await ben.page.getByRole("button", { name: "Sign out" }).click();
      await ann.waitForUsers("Ann");
      await ben.signIn("Bert");
      await ann.waitForUsers("Ann", "Bert");
      await ben.waitForMessage("Hello Ben");
      await ann.page.reload();
      await ann.waitForUsers("Ann", "Bert");
      assert.deepEqual([...ann.errors, ...ben.errors], []);
    });

    it("scrolls back through 500 messages without a jump", async () => {
      await publish(500, "Old message");
      const ann = await join("Ann");
      await ann.waitForMessage("Old message 500.");
      assert.ok((await ann.messageTexts()).length <= 51);

      await ann.scrollBackTo("Old message 1.");
      const texts = (await ann.messageTexts()).filter((text) => text.startsWith("Old message"));
      const expected = Array.from({ length: 500 }, (_, n) => `Old message ${n + 1}.`);
      assert.deepEqual(texts.slice(-500), expected);

      // A reader of old messages stays there when a message arrives, but sees their own message.
      await ann.message("Old message 250.").scrollIntoViewIfNeeded();
      const y = await ann.yOf("Old message 250.");
      await publish(1, "New message");
      await ann.message("New message 1.").waitFor({ state: "attached" });
      assert.ok(Math.abs((await ann.yOf("Old message 250.")) - y) < 1);
      await ann.sendMessage("Back to the end");
      await ann.waitForMessage("Back to the end");
      assert.equal(await ann.log.evaluate(({ scrollTop }) => scrollTop), 0);
    });

    it("sends waiting messages and receives missed messages after an outage", async () => {
      const ann = await join("Ann");
      const ben = await join("Ben");
      await ann.setOffline(true);
      await ann.sendMessage("Written in a tunnel");
      await ann.message("Written in a tunnel").getByText("Sending…").waitFor();
      await publish(40, "Missed message");
      await ben.waitForMessage("Missed message 40.");
      assert.equal(await ben.message("Written in a tunnel").count(), 0);

      await ann.setOffline(false);
      await ann.waitForMessage("Written in a tunnel");
      await ben.waitForMessage("Written in a tunnel");
      const expected = Array.from({ length: 40 }, (_, n) => `Missed message ${n + 1}.`);
      for (const window of [ann, ben]) {
        await window.waitForMessage("Missed message 1.");
        const texts = await window.messageTexts();
        assert.deepEqual(texts.slice(-41), [...expected, "Written in a tunnel"]);
      }
    });

    it("shows why a message was refused, and sends it again on request", async () => {
      const ann = await join("Ann");
      await ann.composer.evaluate((input) => input.removeAttribute("maxlength"));
      await ann.sendMessage("a".repeat(1_001));
      const refused = ann.page.getByText("Not sent: a message has 1 to 1,000 characters");
      await refused.waitFor();
      await ann.page.getByRole("button", { name: "Retry" }).click();
      await refused.waitFor();
      assert.equal(await refused.count(), 1);
    });

    for (const [screen, options] of Object.entries({ desktop, phone })) {
      for (const colorScheme of ["light", "dark"] as const) {
        it(`is accessible and has no overflow on a ${screen} in ${colorScheme} colors`, async () => {
          const ann = await ChatPage.open(browser, url, { ...options, colorScheme });
          await assertAccessible(ann);
          await ann.signIn("M".repeat(40));
          const word = `${screen}-${colorScheme}-${"W".repeat(200)}`;
          await ann.sendMessage(word);
          await ann.waitForMessage(word);
          await ann.setOffline(true);
          await ann.sendMessage("This message is pending");
          await ann.message("This message is pending").waitFor();
          await assertAccessible(ann);
        });
      }
    }
  });
});

async function assertAccessible({ page }: ChatPage): Promise<void> {
  await page.addScriptTag({ path: AXE });
  const { violations }: AxeResults = await page.evaluate("axe.run()");
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
    [],
  );
  const { scrollWidth, clientWidth } = await page.evaluate(() => document.documentElement);
  assert.equal(scrollWidth, clientWidth);
}
