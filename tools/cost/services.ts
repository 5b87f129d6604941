/** Computes what a load costs by the list prices of Pusher Channels and Ably. */
import { monthOf } from "./bill.ts";
import { DAYS_A_MONTH, type Load } from "./load.ts";
import { ABLY, PUSHER } from "./prices.ts";

export interface Offer {
  service: string;
  /** How the price is computed. */
  how: string;
  /** Dollars a month, from the lowest to the list price. Undefined if there is no list price. */
  dollars: { lowest: number; list: number } | undefined;
  date: string;
}

/** Both services count a message for each published event, and one for each delivery of it. */
function messagesOf(load: Load): number {
  const { publishes, signals } = monthOf(load);
  return (publishes * load.batch + signals) * (1 + load.readers);
}

export function offersFor(load: Load): Offer[] {
  return [pusher(load), ablyByMessage(load), ablyByUser(load)];
}

function pusher(load: Load): Offer {
  const messagesPerDay = messagesOf(load) / DAYS_A_MONTH;
  const plan = PUSHER.plans.find(
    (plan) => messagesPerDay <= plan.messagesPerDay && load.sockets <= plan.connections,
  );
  const amounts = `${count(messagesPerDay)} messages a day, ${count(load.sockets)} connections`;
  return {
    service: "Pusher Channels",
    how: `${plan?.name ?? "more than the largest plan with a list price"}: ${amounts}`,
    dollars: plan && { lowest: plan.dollars, list: plan.dollars },
    date: PUSHER.date,
  };
}

function ablyByMessage(load: Load): Offer {
  const { seconds } = monthOf(load);
  const messages = startedMillions(messagesOf(load));
  const minutes =
    startedMillions((load.sockets * seconds) / 60) + startedMillions((load.rooms * seconds) / 60);
  return ably(
    load,
    "Ably, by message",
    `${count(messages)} million messages, ${count(minutes)} million minutes`,
    {
      lowest: messages * ABLY.perMillionMessages.lowest + minutes * ABLY.perMillionMinutes.lowest,
      list: messages * ABLY.perMillionMessages.list + minutes * ABLY.perMillionMinutes.list,
    },
  );
}

function ablyByUser(load: Load): Offer {
  const { perUser, perMillionMessages, perMillionMinutes } = ABLY;
  const users = load.sockets;
  const minutes = (users * monthOf(load).seconds) / 60;
  const extraMessages = startedMillions(messagesOf(load) - users * perUser.messages);
  const extraMinutes = startedMillions(minutes - users * perUser.connectionMinutes);
  const extra = `${count(extraMessages)} million messages, ${count(extraMinutes)} million minutes`;
  const price = (by: "lowest" | "list"): number =>
    users * perUser[by] +
    extraMessages * perMillionMessages[by] +
    extraMinutes * perMillionMinutes[by];
  const how = `${count(users)} users, and beyond their share ${extra}`;
  return ably(load, "Ably, by user", how, { lowest: price("lowest"), list: price("list") });
}

/** Adds the price of the smallest package that allows the load. */
function ably(load: Load, service: string, how: string, usage: Offer["dollars"] & {}): Offer {
  const { seconds } = monthOf(load);
  const messagesPerSecond = seconds === 0 ? 0 : messagesOf(load) / seconds;
  const allows = (limits: { connections: number; channels: number; messagesPerSecond: number }) =>
    load.sockets <= limits.connections &&
    load.rooms <= limits.channels &&
    messagesPerSecond <= limits.messagesPerSecond;
  if (allows(ABLY.free) && messagesOf(load) <= ABLY.free.messagesPerMonth)
    return { service, how: "Free", dollars: { lowest: 0, list: 0 }, date: ABLY.date };
  const found = ABLY.packages.find(allows);
  return {
    service,
    how: `${found?.name ?? "more than the largest package with a list price"}: ${how}`,
    dollars: found && {
      lowest: found.dollars + usage.lowest,
      list: found.dollars + usage.list,
    },
    date: ABLY.date,
  };
}

const startedMillions = (amount: number): number => Math.max(0, Math.ceil(amount / 1e6));

const count = (amount: number): string => Math.ceil(amount).toLocaleString("en");
