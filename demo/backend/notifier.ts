/** Tells each visitor of delays, in the visitor's own room. */
import type { Backend } from "roomcast/server";
import { userRoom, type Delay } from "../shared/notifications.ts";
import type { Shipment } from "../shared/shipments.ts";

/** An app of your own has its users in a database. */
const MAX_VISITORS = 100;

export class Notifier {
  readonly #roomcast: Backend;
  /** Whoever came last is last. */
  readonly #visitors = new Set<string>();

  constructor(roomcast: Backend) {
    this.#roomcast = roomcast;
  }

  /** Whoever is here is told from now on. */
  addVisitor(visitor: string): void {
    this.#visitors.delete(visitor);
    this.#visitors.add(visitor);
    const [oldest] = this.#visitors;
    if (this.#visitors.size > MAX_VISITORS) this.#visitors.delete(oldest!);
  }

  async notifyAll(shipments: readonly Shipment[]): Promise<void> {
    const notified = [...this.#visitors].map((visitor) =>
      this.notify(visitor, shipments).catch((error: unknown) => {
        // Who reads nothing for long enough has a state that takes no more. The others go on.
        console.error(`${visitor} is told no more:`, error);
        this.#visitors.delete(visitor);
      }),
    );
    await Promise.all(notified);
  }

  async notify(visitor: string, shipments: readonly Shipment[]): Promise<void> {
    const delays = shipments.filter(({ status }) => status === "delayed").map(delayOf);
    const events = delays.map((data) => ({ name: "delayed", key: data.shipment, data }));
    if (events.length > 0) await this.#roomcast.publishBatch(userRoom(visitor), events);
  }

  /**
   * A visitor's browser could publish this itself, were it granted to. But that something was read
   * has to outlive the room: an app would store it here, and send no e-mail about it. And where
   * only the backend may publish, what stands in the room is so.
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
