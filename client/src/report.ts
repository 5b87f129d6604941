/** Shows an error to the app's developers without stopping what goes on. */
export function report(error: unknown): void {
  // Node has no reportError.
  (globalThis.reportError ?? console.error)(error);
}
