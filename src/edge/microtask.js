/**
 * Replaces the runtime's `queueMicrotask` in the generated code, which calls it for each `await`.
 * The runtime's function costs four times as much as a promise, because it enters the runtime.
 * An exception is a trap, which `entry.js` handles as an error event.
 */
export function queueMicrotask(act) {
  Promise.resolve().then(act).catch(reportError);
}
