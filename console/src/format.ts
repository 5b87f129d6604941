const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const small = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dateTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** Returns a number with one decimal below 10. */
export const formatNumber = (value: number): string =>
  (Math.abs(value) < 10 ? small : number).format(value);

export const formatCount = (value: number): string => number.format(value);
export const formatTime = (at: number): string => time.format(at);
export const formatDateTime = (at: number): string => dateTime.format(at);

export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${formatNumber(bytes / 1_000)} kB`;
  return `${formatNumber(bytes / 1_000_000)} MB`;
}

/** Returns a duration in its largest unit, such as `12 s` or `3 h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export const formatAgo = (at: number, now: number): string => `${formatDuration(now - at)} ago`;

/** Returns a noun with its count: `1 event`, `2 events`. */
export const counted = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
