/**
 * Simulates the shipments without a clock and without a network. The same seed always produces the
 * same flights.
 */
import type { NewEvent } from "roomcast/server";
import {
  ROWS,
  REPORT_SECONDS,
  type Shipment,
  type ShipmentEvents,
  type Status,
} from "../shared/shipments.ts";
import { random, type Random } from "./random.ts";
import type { Route } from "./routes.ts";

interface Flight {
  readonly shipment: Shipment;
  readonly minutes: number;
  readonly minutesFlown: number;
  /** Minutes until the next step of a shipment that is loading, delayed or delivered. */
  readonly minutesToWait: number;
  /** Value of `minutesFlown` at which a delay starts. `undefined` if there is no delay. */
  readonly delayedAt: number | undefined;
}

const KM_PER_MINUTE = 14;
const CARGO = [
  "Vaccines", "Orchids", "Microchips", "Salmon", "Violins", "Blood plasma", "Race engine", "Mail",
  "Solar cells", "Oysters", "Stage lights", "Cherries", "Insulin", "Newspapers", "Telescope", "Bees",
]; // prettier-ignore

export class Fleet {
  readonly #routes: readonly Route[];
  readonly #random: Random;
  readonly #flights: Flight[] = [];
  #bookedCount = 0;
  #minute = 0;

  constructor(routes: readonly Route[], seed: number) {
    this.#routes = routes;
    this.#random = random(seed);
    for (let row = 0; row < ROWS; row++) this.#flights.push(this.#book(row));
    // Simulates the first 180 minutes, so that the shipments start in all stages: loading, in
    // flight and delivered.
    for (let minute = 0; minute < 180; minute++) this.tick();
  }

  get shipments(): Shipment[] {
    return this.#flights.map(({ shipment }) => shipment);
  }

  /** Advances by one minute and returns the events of that minute. */
  tick(): NewEvent[] {
    this.#minute++;
    return [...this.#flights].flatMap((flight) => this.#move(flight));
  }

  #move(flight: Flight): NewEvent[] {
    const { shipment } = flight;
    if (flight.minutesToWait > 1) {
      this.#set({ ...flight, minutesToWait: flight.minutesToWait - 1 });
      return [];
    }
    if (flight.minutesToWait === 1) return this.#endWait({ ...flight, minutesToWait: 0 });

    const minutesFlown = flight.minutesFlown + 1;
    const moved = { ...flight, minutesFlown };
    if (minutesFlown >= flight.minutes) {
      return this.#update("shipment:delivered", "delivered", { ...moved, minutesToWait: 15 });
    }
    if (minutesFlown === flight.delayedAt) {
      return this.#update("shipment:delayed", "delayed", { ...moved, minutesToWait: 25 });
    }
    if ((this.#minute + shipment.row) % REPORT_SECONDS === 0) {
      return this.#update("shipment:moved", "in flight", moved);
    }
    this.#set(moved);
    return [];
  }

  /** Starts the next stage of a flight that has finished waiting. */
  #endWait(flight: Flight): NewEvent[] {
    const { id, row, status } = flight.shipment;
    switch (status) {
      case "loading":
        return this.#update("shipment:departed", "in flight", flight);
      case "delayed":
      case "in flight":
        return this.#update("shipment:moved", "in flight", flight);
      case "delivered": {
        const next = this.#book(row);
        this.#set(next);
        return [clearedEvent(id), eventOf("shipment:booked", next.shipment)];
      }
    }
  }

  #update(name: keyof ShipmentEvents, status: Status, flight: Flight): NewEvent[] {
    const { minutes, minutesFlown, minutesToWait } = flight;
    const shipment = {
      ...flight.shipment,
      status,
      progress: Math.round((1000 * minutesFlown) / minutes) / 1000,
      minutesLeft: status === "delivered" ? 0 : minutes - minutesFlown + minutesToWait,
    };
    this.#set({ ...flight, shipment });
    return [eventOf(name, shipment)];
  }

  #set(flight: Flight): void {
    this.#flights[flight.shipment.row] = flight;
  }

  #book(row: number): Flight {
    const { from, to, km } = this.#random.pick(this.#routes);
    const minutes = Math.round(km / KM_PER_MINUTE);
    const minutesToWait = this.#random.integer(10, 40);
    const isDelayed = this.#random.integer(1, 3) === 1;
    return {
      shipment: {
        id: `S-${1001 + this.#bookedCount++}`,
        row,
        cargo: this.#random.pick(CARGO),
        from,
        to,
        status: "loading",
        progress: 0,
        minutesLeft: minutes + minutesToWait,
      },
      minutes,
      minutesFlown: 0,
      minutesToWait,
      delayedAt: isDelayed ? this.#random.integer(Math.round(minutes / 2), minutes - 5) : undefined,
    };
  }
}

export const clearedEvent = (id: string): NewEvent => ({
  name: "shipment:cleared",
  key: id,
  data: null,
});

export const eventOf = (name: keyof ShipmentEvents, shipment: Shipment): NewEvent => ({
  name,
  key: shipment.id,
  data: shipment,
});
