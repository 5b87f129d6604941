/** Prices with their sources. Prices change: compare them with the pages before you rely on them. */

export interface UnitPrice {
  /** Price of a million units. For stored data: of one GB-month. */
  dollars: number;
  /** Units of a month that the plan includes. */
  included: number;
  /** Units that the price is for. */
  per: number;
}

/**
 * Prices of Cloudflare's paid plan in December 2026. Until November 30, logs have other prices.
 *
 * - https://developers.cloudflare.com/durable-objects/platform/pricing/
 * - https://developers.cloudflare.com/workers/platform/pricing/
 * - https://developers.cloudflare.com/observability/pricing/
 */
export const CLOUDFLARE = {
  date: "December 2026",
  dollarsPerMonth: 5,
  units: {
    rowsWritten: { dollars: 1, per: 1e6, included: 50e6 },
    rowsRead: { dollars: 0.001, per: 1e6, included: 25e9 },
    requests: { dollars: 0.15, per: 1e6, included: 1e6 },
    gigabyteSeconds: { dollars: 12.5, per: 1e6, included: 400e3 },
    workerRequests: { dollars: 0.3, per: 1e6, included: 10e6 },
    cpuMs: { dollars: 0.02, per: 1e6, included: 30e6 },
    storedGigabytes: { dollars: 0.2, per: 1, included: 5 },
    logGigabytes: { dollars: 0.25, per: 1, included: 50 },
    storedLogGigabytes: { dollars: 0.1, per: 1, included: 12 },
  },
} as const satisfies { units: Record<string, UnitPrice> } & Record<string, unknown>;

/** Limits of Cloudflare's free plan: units a day, and GB in total. The same pages name them. */
export const FREE_PLAN: Partial<Record<BilledUnit, { perDay: number } | { total: number }>> = {
  rowsWritten: { perDay: 100e3 },
  rowsRead: { perDay: 5e6 },
  requests: { perDay: 100e3 },
  gigabyteSeconds: { perDay: 13e3 },
  workerRequests: { perDay: 100e3 },
  storedGigabytes: { total: 5 },
  logGigabytes: { perDay: 0.5 },
};

export type BilledUnit = keyof typeof CLOUDFLARE.units;

/** Memory that a room is billed for while it is active: 128 MB, whatever it uses. */
export const ROOM_GIGABYTES = 0.128;

/** Share of a month for which logs are stored: 7 of 30 days. */
export const LOG_RETENTION = 7 / 30;

/** Frames that are billed as one request of a room. */
export const FRAMES_PER_REQUEST = 20;

/**
 * Plans of Pusher Channels as of 2026-05-08, from
 * https://github.com/api-evangelist/pusher/blob/main/plans/pusher-plans-pricing.yml. That file is a
 * transcript of https://pusher.com/channels/pricing, and was not compared with the page here.
 * https://tako.sh/blog/self-hosted-pusher-alternative/ has the same prices of Sandbox, Startup and
 * Business in April 2026. Messages are the events that are published, and one for each client that an
 * event is delivered to: https://pusher.com/legal/quotas/.
 */
export const PUSHER = {
  date: "2026-05-08",
  plans: [
    { name: "Sandbox", dollars: 0, messagesPerDay: 200e3, connections: 100 },
    { name: "Startup", dollars: 49, messagesPerDay: 1e6, connections: 500 },
    { name: "Pro", dollars: 99, messagesPerDay: 4e6, connections: 2_000 },
    { name: "Business", dollars: 299, messagesPerDay: 10e6, connections: 5_000 },
    { name: "Premium", dollars: 499, messagesPerDay: 20e6, connections: 10_000 },
    { name: "Growth", dollars: 699, messagesPerDay: 40e6, connections: 15_000 },
    { name: "Plus", dollars: 899, messagesPerDay: 60e6, connections: 20_000 },
    { name: "Growth Plus", dollars: 1_199, messagesPerDay: 90e6, connections: 30_000 },
  ],
} as const;

/**
 * Prices of Ably as of 2026-08-03, from https://ably.com/docs/platform/pricing (the sources of that
 * page: https://github.com/ably/docs). Each started million counts. A large volume costs less:
 * messages down to 0.50, minutes down to 0.20 dollars a million.
 *
 * A later page, https://ably.com/docs/platform/pricing/resource-based, says that new accounts pay for
 * each user that is active in a month, and not for messages and minutes.
 */
export const ABLY = {
  date: "2026-08-03",
  /** The free package has no usage charges, but a maximum of messages a month. */
  free: { connections: 200, channels: 200, messagesPerSecond: 500, messagesPerMonth: 6e6 },
  packages: [
    {
      name: "Standard",
      dollars: 29,
      connections: 10_000,
      channels: 10_000,
      messagesPerSecond: 2_500,
    },
    { name: "Pro", dollars: 399, connections: 50_000, channels: 50_000, messagesPerSecond: 10_000 },
  ],
  perMillionMessages: { list: 2.5, lowest: 0.5 },
  perMillionMinutes: { list: 1, lowest: 0.2 },
  perUser: { list: 0.05, lowest: 0.01, messages: 20_000, connectionMinutes: 2_000 },
} as const;
