/** Writes a line to the operator's log. `level` is `error`, `warn` or `info`. */
export function writeLine(level, line) {
  console[level](line);
}

/** Writes an entry to the operator's log, in the form of src/edge/log.rs. */
export function log(level, event, fields) {
  writeLine(level, JSON.stringify({ level, event, ...fields }));
}
