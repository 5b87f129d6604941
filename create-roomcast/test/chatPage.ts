import type { Browser, BrowserContextOptions, Locator } from "playwright-core";
import { PageObject } from "../../demo/test/pageObject.ts";

/** The template's chat in one browser window. */
export class ChatPage extends PageObject {
  /** Opens a window, which shows the sign-in. */
  static async open(
    browser: Browser,
    url: string,
    options?: BrowserContextOptions,
  ): Promise<ChatPage> {
    const context = await browser.newContext(options);
    const chat = new ChatPage(await context.newPage());
    await chat.page.goto(url);
    return chat;
  }

  /** Opens a window, and signs in with this name. */
  static async join(
    browser: Browser,
    url: string,
    name: string,
    options?: BrowserContextOptions,
  ): Promise<ChatPage> {
    const chat = await ChatPage.open(browser, url, options);
    await chat.signIn(name);
    return chat;
  }

  async signIn(name: string): Promise<void> {
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByRole("button", { name: "Join" }).click();
    await this.waitForStatus("connected");
  }

  get composer(): Locator {
    return this.page.getByLabel("Message", { exact: true });
  }

  /** Element that scrolls the messages. */
  get log(): Locator {
    return this.page.getByRole("log");
  }

  async sendMessage(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  /** Locates the messages that contain this text. */
  message(text: string): Locator {
    return this.page.getByRole("listitem").filter({ hasText: text });
  }

  /** Resolves when this message is shown as stored. */
  async waitForMessage(text: string): Promise<void> {
    await this.message(text).and(this.page.locator(":not(.pending, .failed)")).waitFor();
  }

  messageTexts(): Promise<string[]> {
    return this.page.locator("li p").allTextContents();
  }

  async waitForStatus(status: string): Promise<void> {
    await this.page.getByRole("status").filter({ hasText: status }).waitFor();
  }

  async waitForUsers(...names: string[]): Promise<void> {
    await this.page
      .getByText(`${names.length} here: ${names.join(", ")}`, { exact: true })
      .waitFor();
  }

  /** Cuts or restores the network of this window. */
  async setOffline(isOffline: boolean): Promise<void> {
    await this.page.context().setOffline(isOffline);
    await this.waitForStatus(isOffline ? "reconnecting" : "connected");
  }

  /** Scrolls up by the wheel until this message is in the list. */
  async scrollBackTo(text: string): Promise<void> {
    await this.log.hover();
    while ((await this.message(text).count()) === 0) {
      await this.page.mouse.wheel(0, -2_000);
      await this.waitForPaint();
    }
  }

  /** Returns the distance in px between the message's top and the top of the window. */
  async yOf(text: string): Promise<number> {
    return (await this.message(text).boundingBox())!.y;
  }
}
