/** Shows an error to the app's developers without stopping what goes on. */
export function report(error: unknown): void {
  // Node has no reportError.
  (globalThis.reportError ?? console.error)(error);
}

/** What a handler throws is the app's to see, but keeps nothing from the other handlers. */
export function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
}
