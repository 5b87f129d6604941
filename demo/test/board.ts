/** The board in one browser window, as its visitor has it. */
import assert from "node:assert/strict";
import type { Locator } from "playwright-core";
import { Window } from "./window.ts";

/** What a window shows at one moment. */
export interface View {
  /** The event that it has come to. */
  readonly event: number;
  readonly shipments: readonly string[];
  /** The seqs of the feed, the newest first. */
  readonly feed: readonly number[];
}

export class Board extends Window {
  get badge(): Locator {
    return this.page.locator(".badge");
  }

  get offlineSwitch(): Locator {
    return this.page.getByRole("switch", { name: "Go offline" });
  }

  /** Resolves when the badge says so. */
  async is(status: string): Promise<void> {
    await this.page.locator(".badge [role=status]", { hasText: status }).waitFor();
  }

  /** Resolves when the window is live and has come to that event, on the badge and in the feed. */
  async comesTo(event: number): Promise<View> {
    for (;;) {
      const view = await this.view();
      if (view.event >= event && view.feed[0] === view.event) return view;
      await this.page.evaluate(() => new Promise(requestAnimationFrame));
    }
  }

  /** All of one moment. */
  view(): Promise<View> {
    return this.page.evaluate(() => {
      const texts = (selector: string): string[] =>
        [...document.querySelectorAll(selector)].map((element) => element.textContent!);
      return {
        event: Number(texts(".badge [aria-hidden]")[0]!.replace("event ", "")),
        shipments: texts("tbody tr"),
        feed: texts(".feed .seq").map((seq) => Number(seq.slice(1))),
      };
    });
  }

  /** The newest event of the feed, also while the window is offline. */
  async lastSeq(): Promise<number> {
    return (await this.view()).feed[0]!;
  }

  /** Who is looking, as the window shows it. */
  get members(): Locator {
    return this.page.getByRole("list", { name: "Looking at the board" }).getByRole("img");
  }

  /** Where somebody points, and whether that is fading. */
  cursorOf(name: string): Locator {
    return this.page.locator(".cursor", { hasText: name });
  }

  /** Points at a place on the map, given in its own units. */
  async pointAt(x: number, y: number): Promise<void> {
    const at = await this.page.locator(".map").evaluate(
      (map: SVGSVGElement, place) => {
        const { x, y } = new DOMPoint(...place).matrixTransform(map.getScreenCTM()!);
        return { x, y };
      },
      [x, y] as const,
    );
    await this.page.mouse.move(at.x, at.y);
  }

  get said(): Locator {
    return this.page.getByRole("log");
  }

  get composer(): Locator {
    return this.page.getByRole("textbox", { name: "Message" });
  }

  message(text: string): Locator {
    return this.said.getByRole("listitem").filter({ hasText: text });
  }

  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  /** The message that the feed reads out. */
  async hears(message: string | RegExp): Promise<string> {
    const announcement = this.page.locator(".feed [role=status]", { hasText: message });
    await announcement.waitFor({ state: "attached" });
    return (await announcement.textContent())!;
  }
}

/** The feed has no hole, nothing twice, and nothing out of order. */
export function assertWhole({ feed }: View): void {
  assert.ok(feed.length > 0);
  assert.deepEqual(
    feed,
    feed.map((_, row) => feed[0]! - row),
  );
}

/** They show the same at the same event. */
export async function assertSame(one: Board, other: Board, from = 1): Promise<View> {
  for (let event = from; ;) {
    const [here, there] = await Promise.all([one.comesTo(event), other.comesTo(event)]);
    event = Math.max(here.event, there.event);
    if (here.event !== there.event) continue; // one of them was asked a moment too early
    assert.deepEqual(here.shipments, there.shipments);
    return here;
  }
}
