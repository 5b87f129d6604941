/** The app's own backend: who this visitor is, and what they have read. */

/** `null` where nobody is signed in. */
export async function token(signal: AbortSignal): Promise<string | null> {
  const response = await fetch(urlOf("/api/token"), { credentials: "include", signal });
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  return response.text();
}

export async function markRead(shipments: readonly string[]): Promise<void> {
  const url = urlOf("/api/read");
  for (const shipment of shipments) url.searchParams.append("shipment", shipment);
  const response = await fetch(url, { method: "POST", credentials: "include" });
  if (!response.ok) throw new Error(`not marked as read: ${response.status}`);
}

function urlOf(path: string): URL {
  // The window's own `?guest` goes along: it makes its visitor another one.
  const url = new URL(path + location.search, location.href);
  // `make dev` has the backend one port above the worker, which serves this page.
  url.port = String(Number(location.port) + 1);
  return url;
}
