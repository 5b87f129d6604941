/** A page with the hooks of `@laravel/echo-react`, in strict mode. */
import {
  configureEcho,
  echo,
  useConnectionStatus,
  useEcho,
  useEchoModel,
  useEchoNotification,
  useEchoPresence,
  useEchoPublic,
} from "@laravel/echo-react";
import type { EchoOptions } from "laravel-echo";
import { StrictMode, useEffect, useState, type ReactNode } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { Inbox } from "./inbox.ts";

const inboxes = new Map<string, Inbox>();

function inboxOf(name: string): Inbox {
  const inbox = inboxes.get(name) ?? new Inbox();
  inboxes.set(name, inbox);
  return inbox;
}

/** Returns a callback that records what a component receives. */
const record = (name: string) => (payload: unknown) => inboxOf(name).push(payload);

const components: Record<string, () => ReactNode> = {
  Private() {
    useEcho("orders", ["OrderShipped", ".order.paid"], record("Private"));
    return "private";
  },
  Other() {
    useEcho("orders", "OrderShipped", record("Other"));
    return "other";
  },
  Public() {
    useEchoPublic("news", "Published", record("Public"));
    return "public";
  },
  Presence() {
    useEchoPresence("chat", "Said", record("Presence"));
    return "presence";
  },
  Model() {
    useEchoModel("App.Models.User", 7, "UserUpdated", record("Model"));
    return "model";
  },
  Notification() {
    useEchoNotification("App.Models.User.7", record("Notification"), "App.Notifications.Paid");
    return "notification";
  },
};

let setShown: (shown: string[]) => void;

function App(): ReactNode {
  const [shown, set] = useState<string[]>([]);
  setShown = set;
  const status = useConnectionStatus();
  useEffect(() => inboxOf("Status").push(status), [status]);
  return (
    <>
      {shown.map((name) => {
        const Component = components[name]!;
        return <Component key={name} />;
      })}
    </>
  );
}

Object.assign(globalThis, {
  start(options: EchoOptions<"reverb">): void {
    configureEcho(options);
    const root = document.body.appendChild(document.createElement("main"));
    createRoot(root).render(
      <StrictMode>
        <App />
      </StrictMode>,
    );
  },
  /** Shows these components, and no others. Their effects have run afterwards. */
  show: (...names: string[]): void => flushSync(() => setShown(names)),
  /** Resolves when the subscription to a channel has succeeded. */
  subscribed: (name: string): Promise<void> => {
    const channel = echo<"reverb">().connector.pusher.channel(name);
    return new Promise<void>((resolve) => {
      channel.bind("pusher:subscription_succeeded", () => resolve());
      if (channel.subscribed) resolve();
    });
  },
  /** Returns the next payload that a component receives. */
  next: (name: string): Promise<unknown> => inboxOf(name).next(),
  unread: (name: string): unknown[] => inboxOf(name).unread(),
});
