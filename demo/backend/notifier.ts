/** Publishes delays of shipments in the private room of each visitor. */
import type { Backend } from "roomcast/server";
import { userRoom, type Delay } from "../shared/notifications.ts";
import type { Shipment } from "../shared/shipments.ts";

/** Maximum number of visitors in memory. A real app stores its users in a database. */
const MAX_VISITORS = 100;

export class Notifier {
  readonly #roomcast: Backend;
  /**
   * Visitors in the order of their last requests. The visitor who has been inactive for longest is
   * first.
   */
  readonly #visitors = new Set<string>();

  constructor(roomcast: Backend) {
    this.#roomcast = roomcast;
  }

  /**
   * Adds a visitor, or moves a known visitor to the end. Removes the first visitor if there are
   * more than `MAX_VISITORS`.
   */
  addVisitor(visitor: string): void {
    this.#visitors.delete(visitor);
    this.#visitors.add(visitor);
    const [oldest] = this.#visitors;
    if (this.#visitors.size > MAX_VISITORS) this.#visitors.delete(oldest!);
  }

  /** Notifies all visitors of delayed shipments. */
  async notifyAll(shipments: readonly Shipment[]): Promise<void> {
    const notified = [...this.#visitors].map((visitor) =>
      this.notify(visitor, shipments).catch((error: unknown) => {
        // If a visitor never reads notifications, the state of the visitor's room reaches its
        // limit. The room then rejects further events. The other visitors are still notified.
        console.error(`notifications for ${visitor} stopped:`, error);
        this.#visitors.delete(visitor);
      }),
    );
    await Promise.all(notified);
  }

  /** Notifies one visitor of all delayed shipments in the list. */
  async notify(visitor: string, shipments: readonly Shipment[]): Promise<void> {
    const delays = shipments.filter(({ status }) => status === "delayed").map(delayOf);
    const events = delays.map((data) => ({ name: "delayed", key: data.shipment, data }));
    if (events.length > 0) await this.#roomcast.publishBatch(userRoom(visitor), events);
  }

  /**
   * Publishes that a visitor has read these notifications. A browser with a `publish` grant could
   * publish the event itself. But a real app stores the read status in its backend. The status then
   * outlives the room, and the app sends no e-mail for a notification that was read. Because only
   * the backend may publish, the page can trust all events in the room.
   */
  async markRead(visitor: string, shipments: readonly string[]): Promise<void> {
    const events = shipments.map((key) => ({ name: "read", key, data: null }));
    await this.#roomcast.publishBatch(userRoom(visitor), events);
  }
}

const delayOf = ({ id, cargo, from, to, minutesLeft }: Shipment): Delay => ({
  shipment: id,
  cargo,
  from: from.city,
  to: to.city,
  minutesLeft,
});
