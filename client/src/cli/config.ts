/** The parts of a wrangler configuration that Roomcast needs. */
import type { Insertion } from "./jsonc.ts";

export const COMPATIBILITY_DATE = "2026-10-01";
const BINDING = { name: "ROOMS", class_name: "RoomObject" };
const OBSERVABILITY = {
  enabled: true,
  redact_query_string: true,
  logs: { enabled: true, invocation_logs: false },
};

/** A configuration that must be changed by hand. The message says how. */
export class ConfigConflict extends Error {}

/** Files of the console, which the worker serves at /console. */
const ASSETS = `
  // The files of the console at /console. "CONSOLE": "off" under vars turns it off.
  "assets": {
    "directory": "./node_modules/roomcast/dist/assets",
    "binding": "ASSETS",
    "run_worker_first": ["/console*"],
  },
`;

/** Returns the text of a new configuration file. */
export const newConfig = (name: string, main: string): string => requiredConfig(name, main, ASSETS);

/** Returns the text of a configuration file with the parts that every worker needs. */
export const requiredConfig = (name: string, main: string, assets = ""): string => `{
  "$schema": "./node_modules/roomcast/config-schema.json",
  "name": ${JSON.stringify(name)},
  "main": ${JSON.stringify(main)},
  "compatibility_date": "${COMPATIBILITY_DATE}",

  // One room is one object.
  "durable_objects": { "bindings": [{ "name": "ROOMS", "class_name": "RoomObject" }] },
  "migrations": [{ "tag": "v1", "new_sqlite_classes": ["RoomObject"] }],
${assets}
  // Settings of Roomcast, for example the origins of your pages, and rooms that need no token.
  // The keys are secrets: JWT_SECRET is in .dev.vars on this machine.
  "vars": {
    // "ALLOWED_ORIGINS": "https://app.example.com",
    // "PUBLIC_ROOMS": ["public:*"],
  },

  // Logs only Roomcast's own messages. Without this setting, each request, alarm and frame is a
  // billed event. A query string may contain a token.
  "observability": {
    "enabled": true,
    "redact_query_string": true,
    "logs": { "enabled": true, "invocation_logs": false },
  },
}
`;

/**
 * Returns the values that a configuration lacks. Throws a `ConfigConflict` if a value is in the way.
 */
export function missingParts(config: unknown, name: string, main: string): Insertion[] {
  if (!isObject(config)) throw new ConfigConflict("the file must contain an object");
  const parts: Insertion[] = [];
  const defaults = { name, main, compatibility_date: COMPATIBILITY_DATE };
  for (const [key, value] of Object.entries({ ...defaults, observability: OBSERVABILITY })) {
    if (!(key in config)) parts.push({ path: [], key, value });
  }
  return [...parts, ...missingBinding(config), ...missingMigration(config)];
}

/** A value that is missing or wrong, and the keys that lead to it. */
export interface Wrong {
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * Returns what Roomcast needs in a configuration and does not find. An environment inherits all but
 * the bindings and the variables.
 */
export function wrongParts(config: unknown, environment: string | undefined): Wrong[] {
  if (!isObject(config)) return [{ path: [], message: "the file must contain an object" }];
  const environments = isObject(config.env) ? config.env : {};
  const own = environment === undefined ? {} : environments[environment];
  if (!isObject(own)) {
    return [{ path: ["env"], message: `there is no environment ${environment}` }];
  }
  const { durable_objects: inherited, ...rest } = config;
  const scope = {
    ...rest,
    ...(environment === undefined && { durable_objects: inherited }),
    ...own,
  };
  try {
    // Without `observability` there is no log, which is not wrong.
    const needed = missingParts({ observability: OBSERVABILITY, ...scope }, "", "");
    const missing = needed.map(({ path, key, value }) => {
      const whole = [...path, ...(key === undefined ? [] : [key])];
      const lack = typeof value === "string" ? "is missing" : `must have ${JSON.stringify(value)}`;
      return { path: whole, message: `${whole.join(".")} ${lack}` };
    });
    return [...missing, ...wrongObservability(scope)];
  } catch (error) {
    if (!(error instanceof ConfigConflict)) throw error;
    const key = /migration|new_/.test(error.message) ? "migrations" : "durable_objects";
    return [{ path: [key], message: error.message }];
  }
}

/** The error of a log that has the queries of requests. */
export const QUERIES_LOGGED: Wrong = {
  path: ["observability", "redact_query_string"],
  message: "observability.redact_query_string must be true: a query may contain a token",
};

function wrongObservability({ observability }: Record<string, unknown>): Wrong[] {
  const isLogged = isObject(observability) && observability.enabled !== false;
  return isLogged && observability.redact_query_string !== true ? [QUERIES_LOGGED] : [];
}

function missingBinding({ durable_objects: objects }: Record<string, unknown>): Insertion[] {
  if (objects === undefined) {
    return [{ path: [], key: "durable_objects", value: { bindings: [BINDING] } }];
  }
  if (!isObject(objects)) throw new ConfigConflict("durable_objects must be an object");
  const { bindings } = objects;
  if (bindings === undefined) {
    return [{ path: ["durable_objects"], key: "bindings", value: [BINDING] }];
  }
  const list = objectsOf(bindings, "durable_objects.bindings");
  const rooms = list.find(({ name }) => name === BINDING.name);
  if (rooms === undefined) return [{ path: ["durable_objects", "bindings"], value: BINDING }];
  if (rooms.class_name === BINDING.class_name) return [];
  throw new ConfigConflict(
    `the binding ROOMS must be for the class RoomObject, not ${JSON.stringify(rooms.class_name)}`,
  );
}

function missingMigration({ migrations }: Record<string, unknown>): Insertion[] {
  const added = { new_sqlite_classes: [BINDING.class_name] };
  if (migrations === undefined) {
    return [{ path: [], key: "migrations", value: [{ tag: "v1", ...added }] }];
  }
  const list = objectsOf(migrations, "migrations");
  const creates = (key: string) =>
    list.some(({ [key]: classes }) => Array.isArray(classes) && classes.includes("RoomObject"));
  if (creates("new_sqlite_classes")) return [];
  if (creates("new_classes")) {
    throw new ConfigConflict("RoomObject must be in new_sqlite_classes, not in new_classes");
  }
  const tags = list.map(({ tag }) => tag);
  let tag = "roomcast";
  for (let n = 2; tags.includes(tag); n += 1) tag = `roomcast-${n}`;
  return [{ path: ["migrations"], value: { tag, ...added } }];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function objectsOf(value: unknown, name: string): Record<string, unknown>[] {
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw new ConfigConflict(`${name} must be a list of objects`);
}

/** Returns the value of `main`. */
export function mainOf(config: unknown): string | undefined {
  const main = isObject(config) ? config.main : undefined;
  return typeof main === "string" ? main : undefined;
}

/** Returns the variables of an environment, or of the top level. */
export function varsOf(config: unknown, environment?: string): Record<string, unknown> {
  const environments = isObject(config) && isObject(config.env) ? config.env : {};
  const scope = environment === undefined ? config : environments[environment];
  return isObject(scope) && isObject(scope.vars) ? scope.vars : {};
}
