/** Shipments on their way. It knows no clock and no network, and the same seed flies the same flights. */
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
  /** How long it stands still yet: while loading, on hold, or unloaded. */
  readonly minutesToWait: number;
  /** Where it is put on hold, if it is, in minutes flown. */
  readonly heldAt: number | undefined;
}

const KM_A_MINUTE = 14;
const CARGO = [
  "Vaccines", "Orchids", "Microchips", "Salmon", "Violins", "Blood plasma", "Race engine", "Mail",
  "Solar cells", "Oysters", "Stage lights", "Cherries", "Insulin", "Newspapers", "Telescope", "Bees",
]; // prettier-ignore

export class Fleet {
  readonly #routes: readonly Route[];
  readonly #random: Random;
  readonly #flights: Flight[] = [];
  #booked = 0;
  #minute = 0;

  constructor(routes: readonly Route[], seed: number) {
    this.#routes = routes;
    this.#random = random(seed);
    for (let row = 0; row < ROWS; row++) this.#flights.push(this.#book(row));
    // Some are well on their way by now, and some have landed.
    for (let minute = 0; minute < 180; minute++) this.pass();
  }

  get shipments(): Shipment[] {
    return this.#flights.map(({ shipment }) => shipment);
  }

  /** Lets a minute pass, and tells what happened in it. */
  pass(): NewEvent[] {
    this.#minute++;
    return [...this.#flights].flatMap((flight) => this.#move(flight));
  }

  #move(flight: Flight): NewEvent[] {
    const { shipment } = flight;
    if (flight.minutesToWait > 1) {
      this.#set({ ...flight, minutesToWait: flight.minutesToWait - 1 });
      return [];
    }
    if (flight.minutesToWait === 1) return this.#goOn({ ...flight, minutesToWait: 0 });

    const flown = flight.minutesFlown + 1;
    const moved = { ...flight, minutesFlown: flown };
    if (flown >= flight.minutes) {
      return this.#tell("shipment:delivered", "delivered", { ...moved, minutesToWait: 15 });
    }
    if (flown === flight.heldAt) {
      return this.#tell("shipment:delayed", "delayed", { ...moved, minutesToWait: 25 });
    }
    if ((this.#minute + shipment.row) % REPORT_SECONDS === 0) {
      return this.#tell("shipment:moved", "in flight", moved);
    }
    this.#set(moved);
    return [];
  }

  /** What follows when the wait is over. */
  #goOn(flight: Flight): NewEvent[] {
    const { id, row, status } = flight.shipment;
    switch (status) {
      case "loading":
        return this.#tell("shipment:departed", "in flight", flight);
      case "delayed":
      case "in flight":
        return this.#tell("shipment:moved", "in flight", flight);
      case "delivered": {
        const next = this.#book(row);
        this.#set(next);
        return [cleared(id), eventOf("shipment:booked", next.shipment)];
      }
    }
  }

  #tell(name: keyof ShipmentEvents, status: Status, flight: Flight): NewEvent[] {
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
    const { from, to, km } = this.#random.of(this.#routes);
    const minutes = Math.round(km / KM_A_MINUTE);
    const minutesToWait = this.#random.from(10, 40);
    const held = this.#random.from(1, 3) === 1;
    return {
      shipment: {
        id: `S-${1001 + this.#booked++}`,
        row,
        cargo: this.#random.of(CARGO),
        from,
        to,
        status: "loading",
        progress: 0,
        minutesLeft: minutes + minutesToWait,
      },
      minutes,
      minutesFlown: 0,
      minutesToWait,
      heldAt: held ? this.#random.from(Math.round(minutes / 2), minutes - 5) : undefined,
    };
  }
}

export const cleared = (id: string): NewEvent => ({
  name: "shipment:cleared",
  key: id,
  data: null,
});

export const eventOf = (name: keyof ShipmentEvents, shipment: Shipment): NewEvent => ({
  name,
  key: shipment.id,
  data: shipment,
});
