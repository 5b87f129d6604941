/**
 * Returns a random id for a publish, so that a retried publish is stored once. Does not use
 * `crypto.randomUUID`, which browsers offer only on https pages.
 */
export const newId = (): string => crypto.getRandomValues(new Uint32Array(4)).join("-");
