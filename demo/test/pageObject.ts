import type { Page } from "playwright-core";

/** A page of the demo in a browser window. */
export class PageObject {
  readonly page: Page;
  /** Exceptions and console errors of the page. */
  readonly errors: string[] = [];
  /** Number of WebSockets that the page has opened. */
  sockets = 0;

  constructor(page: Page) {
    this.page = page;
    page.on("websocket", () => this.sockets++);
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
  }

  /**
   * Resolves when all previous changes are painted. The second animation frame starts after the
   * first frame is painted.
   */
  async waitForPaint(): Promise<void> {
    for (let frames = 0; frames < 2; frames++) {
      await this.page.evaluate(() => new Promise(requestAnimationFrame));
    }
  }

  /** Stops the page's clock, so that nothing expires. The page must be opened with `fakeClock`. */
  async stopClock(): Promise<void> {
    // The time must be in the future when the page receives the call, even on a slow machine.
    await this.page.clock.pauseAt(Date.now() + 5_000);
  }
}

export const fakeClock = { prepare: (page: Page): Promise<void> => page.clock.install() };
