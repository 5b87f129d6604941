/**
 * A worker that counts what Cloudflare bills for the built worker. It runs beside `build/index.js`,
 * in the same folder.
 */
import worker, { RoomObject as Room } from "./index.js";

export * from "./index.js";

/** Counts by room, and those of the worker by an empty name. Worker and rooms share an isolate. */
const counts = new Map();

function count(room, unit, amount = 1) {
  const counted = counts.get(room) ?? {};
  counted[unit] = (counted[unit] ?? 0) + amount;
  counts.set(room, counted);
}

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/counts") return Response.json(Object.fromEntries(counts));
    count("", "workerRequests");
    return worker.fetch(request, env, context);
  },
};

export class RoomObject extends Room {
  #name;

  constructor(state, env) {
    meterStorage(state);
    super(state, env);
    this.#name = state.id.name;
  }

  fetch(request) {
    count(this.#name, "requests");
    return super.fetch(request);
  }

  request(...call) {
    count(this.#name, "requests");
    return super.request(...call);
  }

  record(reports) {
    count(this.#name, "requests");
    return super.record(reports);
  }

  alarm() {
    count(this.#name, "requests");
    return super.alarm();
  }

  webSocketMessage(socket, message) {
    count(this.#name, "frames");
    super.webSocketMessage(socket, message);
  }
}

/** Counts the rows of each statement, and each alarm that is set. */
function meterStorage({ id: { name }, storage }) {
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  sql.exec = (...statement) => meterRows(name, exec(...statement));
  const setAlarm = storage.setAlarm.bind(storage);
  storage.setAlarm = (...time) => {
    count(name, "alarms");
    return setAlarm(...time);
  };
}

/** Returns a cursor that counts the rows as they are read, because a cursor may be left half read. */
function meterRows(name, cursor) {
  let read = 0;
  let written = 0;
  const settle = () => {
    count(name, "rowsRead", cursor.rowsRead - read);
    count(name, "rowsWritten", cursor.rowsWritten - written);
    read = cursor.rowsRead;
    written = cursor.rowsWritten;
  };
  settle();
  const raw = () => {
    const rows = cursor.raw();
    const next = () => {
      const step = rows.next();
      settle();
      return step;
    };
    return { next };
  };
  return {
    raw,
    get rowsWritten() {
      return cursor.rowsWritten;
    },
  };
}
