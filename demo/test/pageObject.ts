import type { Page } from "playwright-core";

/** A browser window. */
export class PageObject {
  readonly page: Page;
  /** Complaints of the page: there should be none. */
  readonly errors: string[] = [];
  /** How many sockets it has opened. */
  sockets = 0;

  constructor(page: Page) {
    this.page = page;
    page.on("websocket", () => this.sockets++);
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
  }

  /** Resolves when what was done to it has been painted: that is over when the next frame begins. */
  async waitForPaint(): Promise<void> {
    for (let frames = 0; frames < 2; frames++) {
      await this.page.evaluate(() => new Promise(requestAnimationFrame));
    }
  }

  /** Stops its clock, so that nothing goes for being old. It has to be opened with `fakeClock`. */
  async stopClock(): Promise<void> {
    // A moment that has not passed when the page hears of it, however busy the machine.
    await this.page.clock.pauseAt(Date.now() + 5_000);
  }
}

export const fakeClock = { prepare: (page: Page): Promise<void> => page.clock.install() };
