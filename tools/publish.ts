// Publishing over HTTP until it is acknowledged. Trying again is safe as long
// as every event has an id: an id counts once.
import { setTimeout as sleep } from "node:timers/promises";

export interface Target {
  /** Where the worker serves: http://localhost:8787 */
  url: string;
  room: string;
  token: string;
}

export interface Acknowledged {
  room: string;
  epoch: string;
  /** One for each event, in their order. */
  seqs: number[];
}

export interface Patience {
  /** How long an answer, and how long an acknowledgement may take. */
  answer_ms?: number;
  total_ms?: number;
  onRetry?: (reason: string) => void;
}

/** Publishes events, each the JSON text of one, as one batch. */
export async function publish(
  target: Target,
  events: string[],
  { answer_ms = 10_000, total_ms = 60_000, onRetry = () => {} }: Patience = {},
): Promise<Acknowledged> {
  const giveUpAt = Date.now() + total_ms;
  for (let attempt = 0; ; attempt++) {
    try {
      return await post(target, events, answer_ms);
    } catch (error) {
      if (!(error instanceof Unsettled) || Date.now() > giveUpAt) throw error;
      onRetry(error.message);
      await sleep(error.retry_after_ms || backoff_ms(attempt));
    }
  }
}

/** Not acknowledged, and not refused for good either. */
class Unsettled extends Error {
  retry_after_ms: number;
  constructor(reason: string, retry_after_ms = 0) {
    super(reason);
    this.retry_after_ms = retry_after_ms;
  }
}

async function post(target: Target, events: string[], answer_ms: number): Promise<Acknowledged> {
  let response: Response;
  let answer: string;
  try {
    response = await fetch(`${target.url}/rooms/${encodeURIComponent(target.room)}/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${target.token}` },
      body: `{"events":[${events.join(",")}]}`,
      signal: AbortSignal.timeout(answer_ms),
    });
    answer = await response.text();
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Unsettled(cause instanceof Error ? `${message}: ${cause.message}` : message);
  }
  if (response.ok) return JSON.parse(answer) as Acknowledged;
  const reason = `${response.status} ${answer.slice(0, 500)}`;
  if (response.status !== 429 && response.status < 500) throw new Error(reason);
  throw new Unsettled(reason, Number(response.headers.get("retry-after")) * 1000);
}

/** Doubling from 100 ms to 3.2 s, less up to a half of it by chance. */
function backoff_ms(attempt: number): number {
  return 100 * 2 ** Math.min(attempt, 5) * (1 - Math.random() / 2);
}
