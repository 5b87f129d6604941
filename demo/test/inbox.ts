/** The page of the notifications in one browser window. */
import type { Locator } from "playwright-core";
import { Window } from "./window.ts";

export class Inbox extends Window {
  /** Of one shipment, or all. */
  notifications(shipment = ""): Locator {
    return this.page.getByRole("listitem").filter({ hasText: shipment });
  }

  /** Resolves when the page says that so many are unread. */
  async hasUnread(count: number): Promise<void> {
    await this.page.getByRole("heading", { name: `${count} unread`, exact: true }).waitFor();
  }
}
