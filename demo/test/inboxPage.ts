/** The notifications page in one browser window. */
import type { Locator } from "playwright-core";
import { PageObject } from "./pageObject.ts";

/**
 * Prefix of the ids of a test's own shipments. The backend may report delays of other shipments at
 * any time.
 */
const TEST_PREFIX = "X-";
export const isTestShipment = (title: string): boolean => title.startsWith(TEST_PREFIX);

export class InboxPage extends PageObject {
  notification(shipment: string): Locator {
    return this.page.getByRole("listitem").filter({ hasText: shipment });
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  /**
   * Marks a notification as read. Presses the button with the keyboard, because a new row could
   * move the button away from the pointer.
   */
  async markRead(shipment: string): Promise<void> {
    await this.button(`Mark as read: ${shipment}`).press("Enter");
  }

  /** Resolves when exactly these of the test's own shipments are unread, newest first. */
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
