/**
 * Requests to the app's own backend: to get the visitor's token, and to mark notifications as read.
 */

/** Requests a token. Returns `null` if the visitor is signed out. */
export async function token(signal: AbortSignal): Promise<string | null> {
  const response = await fetch(urlOf("/api/token"), { credentials: "include", signal });
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`token request failed: HTTP ${response.status}`);
  return response.text();
}

export async function markRead(shipments: readonly string[]): Promise<void> {
  const url = urlOf("/api/read");
  for (const shipment of shipments) url.searchParams.append("shipment", shipment);
  const response = await fetch(url, { method: "POST", credentials: "include" });
  if (!response.ok) throw new Error(`marking as read failed: HTTP ${response.status}`);
}

function urlOf(path: string): URL {
  // The query of the window's URL is included, because `?guest` selects a second visitor.
  const url = new URL(path + location.search, location.href);
  // `make dev` starts the backend one port above the worker, which serves this page.
  url.port = String(Number(location.port) + 1);
  return url;
}
