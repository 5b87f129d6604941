/** The recordings of earlier versions, each in a folder of its own. */
import { cp, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { TestContext } from "node:test";

export const FOLDER = import.meta.dirname;

/** Lists the versions that have a recording, for example `0.1.0-2026-11-29`. */
export async function versions(): Promise<string[]> {
  const entries = await readdir(FOLDER, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

export async function recorded<T>(version: string, file: string): Promise<T> {
  return JSON.parse(await readFile(join(FOLDER, version, file), "utf8"));
}

/**
 * Copies the storage of a version, with its alarms, for a test that changes it. In the copy, the
 * newest append is `ageMs` old. Otherwise, the recorded events would expire one year after their
 * publish, because no setting retains events for longer. Returns the folder of the copy.
 */
export async function copyOfStorage(
  t: TestContext,
  version: string,
  ageMs: number,
): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "roomcast-recorded-"));
  t.after(() => rm(copy, { recursive: true, force: true, maxRetries: 20 }));
  await cp(join(FOLDER, version, "storage"), copy, { recursive: true });
  const files = (await readdir(copy, { recursive: true })).filter((file) => /sqlite$/.test(file));
  const databases = files.map((file) => new DatabaseSync(join(copy, file)));
  const rooms = databases.filter((database) => has(database, "room"));
  const newest = Math.max(...rooms.map(lastWrite));
  const later = Date.now() - ageMs - newest;
  for (const room of rooms) {
    room.exec(`UPDATE room SET at = at + ${later}; UPDATE log SET at = at + ${later}`);
    room.exec(`UPDATE _cf_METADATA SET value = value + ${later}000000 WHERE key = 1`);
  }
  for (const alarms of databases.filter((database) => has(database, "_cf_ALARM"))) {
    alarms.exec(`UPDATE _cf_ALARM SET scheduled_time = scheduled_time + ${later}000000`);
  }
  for (const database of databases) database.close();
  return copy;
}

function has(database: DatabaseSync, table: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(table) !== undefined;
}

function lastWrite(room: DatabaseSync): number {
  const at = "SELECT max(at) AS at FROM (SELECT at FROM room UNION ALL SELECT at FROM log)";
  return Number(room.prepare(at).get()?.at);
}

/** Reads the time of a room's alarm in ms from its database, which no process may use. */
export function alarmIn(file: string): number | undefined {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const ns = database.prepare("SELECT value FROM _cf_METADATA WHERE key = 1");
    ns.setReadBigInts(true);
    const { value } = (ns.get() ?? {}) as { value?: bigint | null };
    return value == null ? undefined : Number(value / 1_000_000n);
  } finally {
    database.close();
  }
}

/** Reads the name of the room from its database. */
export function roomIn(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return String(database.prepare("SELECT name FROM room").get()?.name);
  } finally {
    database.close();
  }
}
