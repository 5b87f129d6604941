import type { Backend } from "roomcast/server";

/** Notifies a user. A repeated call with the same `id` adds no second notification. */
export async function notify(backend: Backend, user: string, id: string, text: string) {
  await backend.publish(`user:${user}`, "notified", { text }, { key: id, id });
}

/** Marks a notification as read in all windows of the user. */
export async function markRead(backend: Backend, user: string, id: string) {
  await backend.publish(`user:${user}`, "read", null, { key: id });
}
