/** The page of the notifications in one browser window. */
import type { Locator } from "playwright-core";
import { PageObject } from "./pageObject.ts";

/** The fleet rings when it likes: a test's own shipments are told by their name. */
const TEST_PREFIX = "X-";
export const isTestShipment = (title: string): boolean => title.startsWith(TEST_PREFIX);

export class InboxPage extends PageObject {
  notification(shipment: string): Locator {
    return this.page.getByRole("listitem").filter({ hasText: shipment });
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** By key, since a row may move away from below the pointer when another comes. */
  async markRead(shipment: string): Promise<void> {
    await this.button(`Mark as read: ${shipment}`).press("Enter");
  }

  /** Resolves when these of the test's own are unread, the newest first. */
  async waitForUnread(...shipments: string[]): Promise<void> {
    await this.page.waitForFunction(
      ([own, shipments]) => {
        const titles = [...document.querySelectorAll("[data-unread=true] h3")];
        const unread = titles.map(({ textContent }) => textContent!.split(" ")[0]!);
        return unread.filter((shipment) => shipment.startsWith(own)).join() === shipments;
      },
      [TEST_PREFIX, shipments.join()] as const,
    );
  }
}
