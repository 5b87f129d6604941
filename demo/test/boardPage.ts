/** The board in one browser window. */
import assert from "node:assert/strict";
import type { Locator } from "playwright-core";
import { PageObject } from "./pageObject.ts";

/** Contents of a window at a certain time. */
export interface View {
  /** Seq of the last received event. */
  readonly seq: number;
  readonly shipments: readonly string[];
  /** Seqs in the feed, newest first. */
  readonly feed: readonly number[];
}

export class BoardPage extends PageObject {
  get badge(): Locator {
    return this.page.locator(".badge");
  }

  get offlineSwitch(): Locator {
    return this.page.getByRole("switch", { name: "Go offline" });
  }

  /** Resolves when the badge shows this status. */
  async waitForStatus(status: string): Promise<void> {
    await this.page.locator(".badge [role=status]", { hasText: status }).waitFor();
  }

  /**
   * Resolves when the window is connected, and shows this event both on the badge and in the feed.
   */
  async waitForEvent(seq: number): Promise<View> {
    for (;;) {
      const view = await this.view();
      if (view.seq >= seq && view.feed[0] === view.seq) return view;
      await this.page.evaluate(() => new Promise(requestAnimationFrame));
    }
  }

  /** Returns the contents of the window, all read at the same time. */
  view(): Promise<View> {
    return this.page.evaluate(() => {
      const texts = (selector: string): string[] =>
        [...document.querySelectorAll(selector)].map((element) => element.textContent!);
      return {
        seq: Number(texts(".badge [aria-hidden]")[0]!.replace("event ", "")),
        shipments: texts("tbody tr"),
        feed: texts(".feed .seq").map((seq) => Number(seq.slice(1))),
      };
    });
  }

  /** Returns the seq of the newest event in the feed, even if the window is offline. */
  async lastSeq(): Promise<number> {
    await this.page.locator(".feed .seq").first().waitFor();
    return (await this.view()).feed[0]!;
  }

  /** Resolves when the window shows these users as online, in this order. */
  async waitForUsers(...names: string[]): Promise<void> {
    await this.page.waitForFunction((names) => {
      const shown = [...document.querySelectorAll(".presence .avatar")];
      return shown.map((avatar) => avatar.ariaLabel).join() === names;
    }, names.join());
  }

  /** Locates the pointers of the other users. */
  get cursors(): Locator {
    return this.page.locator(".cursor");
  }

  /** Resolves when this user's pointer is at this position, in map units with a tolerance of 1. */
  async waitForCursor(name: string, x: number, y: number): Promise<void> {
    await this.page.waitForFunction(
      ([name, x, y]) =>
        [...document.querySelectorAll<SVGGElement>(".cursor[data-fading=false]")].some(
          ({ textContent, style }) =>
            textContent === name &&
            Math.abs(parseInt(style.getPropertyValue("--x")) - x) <= 1 &&
            Math.abs(parseInt(style.getPropertyValue("--y")) - y) <= 1,
        ),
      [name, x, y] as const,
    );
  }

  /** Resolves when the only pointer is fading. */
  async waitForFadingCursor(): Promise<void> {
    await this.page.locator(".cursor[data-fading=true]").waitFor({ state: "attached" });
  }

  /** Moves the pointer to a position on the map, in map units. */
  async pointAt(x: number, y: number): Promise<void> {
    const at = await this.page.locator(".map").evaluate(
      (map: SVGSVGElement, point) => {
        const { x, y } = new DOMPoint(...point).matrixTransform(map.getScreenCTM()!);
        return { x, y };
      },
      [x, y] as const,
    );
    await this.page.mouse.move(at.x, at.y);
  }

  /** The scrollable list of messages. */
  get chatLog(): Locator {
    return this.page.getByRole("log");
  }

  get composer(): Locator {
    return this.page.getByRole("textbox", { name: "Message" });
  }

  message(text: string): Locator {
    return this.chatLog.getByRole("listitem").filter({ hasText: text });
  }

  /** Returns the texts of all loaded messages, without authors. */
  async messageTexts(): Promise<string[]> {
    return this.chatLog.locator("li > p:not(.author)").allTextContents();
  }

  /**
   * Scrolls to a message. Returns the position that the message has before the page reacts to the
   * scroll.
   */
  scrollTo(text: string): Promise<number> {
    return this.chatLog.getByText(text, { exact: true }).evaluate((message) => {
      message.scrollIntoView({ block: "end" });
      return Math.round(message.getBoundingClientRect().y);
    });
  }

  async yOf(text: string): Promise<number> {
    const message = this.chatLog.getByText(text, { exact: true });
    return message.evaluate((message) => Math.round(message.getBoundingClientRect().y));
  }

  /** Returns the distance of the chat's scroll position from its end, in pixels. */
  distanceFromEnd(): Promise<number> {
    return this.chatLog.evaluate((list) =>
      Math.round(list.scrollHeight - list.clientHeight - list.scrollTop),
    );
  }

  async sendMessage(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  /** Resolves with the feed's announcement for screen readers when it contains this text. */
  async waitForAnnouncement(message: string | RegExp): Promise<string> {
    const announcement = this.page.locator(".feed [role=status]", { hasText: message });
    await announcement.waitFor({ state: "attached" });
    return (await announcement.textContent())!;
  }
}

/** Asserts that the feed has no gap and no duplicate, and is in order. */
export function assertConsecutive({ feed }: View): void {
  assert.ok(feed.length > 0);
  assert.deepEqual(
    feed,
    feed.map((_, row) => feed[0]! - row),
  );
}

/** Asserts that both windows show the same shipments at the same event. */
export async function assertSameView(one: BoardPage, other: BoardPage, from = 1): Promise<View> {
  for (let seq = from; ;) {
    const [here, there] = await Promise.all([one.waitForEvent(seq), other.waitForEvent(seq)]);
    seq = Math.max(here.seq, there.seq);
    if (here.seq !== there.seq) continue; // One window was read too early.
    assert.deepEqual(here.shipments, there.shipments);
    return here;
  }
}
