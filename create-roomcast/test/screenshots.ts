// node test/screenshots.ts
//
// Takes the screenshots of the template in docs/images/: the chat on a desktop in light colors, and
// on a phone in dark colors.
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { desktop, phone } from "../../demo/test/screens.ts";
import { browserPath } from "../../tools/browser.ts";
import { ChatPage } from "./chatPage.ts";
import { Project } from "./project.ts";

const directory = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const dark = { ...phone, colorScheme: "dark" as const };
const small = { viewport: { width: 900, height: 720 } };

const project = await Project.create();
const browser = await chromium.launch({ executablePath: await browserPath() });
try {
  const url = await project.dev();
  const ann = await ChatPage.join(browser, url, "Ann", dark);
  const ben = await ChatPage.join(browser, url, "Ben", small);
  const chiara = await ChatPage.join(browser, url, "Chiara", desktop);
  const lines: [ChatPage, string][] = [
    [ann, "Hi everybody! Is this the new chat?"],
    [ben, "Yes. Open it in two windows and look at both."],
    [ben, "The room stores each message, so nobody misses one."],
    [ann, "I was in a tunnel for a minute. Afterwards everything was there, in order."],
    [chiara, "And nobody has to operate a server for it."],
    [ann, "Nice. I read all of it in ten minutes."],
  ];
  for (const [window, text] of lines) {
    await window.sendMessage(text);
    for (const each of [ann, ben, chiara]) await each.waitForMessage(text);
  }
  await chiara.composer.pressSequentially("So did");
  for (const [name, { page }] of Object.entries({ desktop: ben, phone: ann })) {
    await chiara.composer.press("Space");
    await page.getByText("Typing: Chiara").waitFor();
    const path = `${directory}chat-${name}.png`;
    await page.screenshot({ path, animations: "disabled" });
    console.log(path);
  }
} finally {
  await browser.close();
  await project.stop();
}
