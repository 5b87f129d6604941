import { useEffect, useState } from "react";

/** Shows whether browser notifications are enabled, or a button that enables them. */
export function BrowserNotificationSetting() {
  // `undefined` during prerendering, and in a browser without notifications.
  const [permission, setPermission] = useState<NotificationPermission>();
  useEffect(() => setPermission(globalThis.Notification?.permission), []);

  // Requests the permission only after a click. A browser may permanently block a page that
  // requests the permission without a click.
  const requestPermission = async (): Promise<void> =>
    setPermission(await Notification.requestPermission());

  switch (permission) {
    case undefined:
      return null;
    case "granted":
      return <p>Browser notifications are on while this tab is hidden.</p>;
    case "denied":
      return <p>Browser notifications are blocked.</p>;
    case "default":
      return (
        <button className="secondary" onClick={() => void requestPermission()}>
          Enable browser notifications
        </button>
      );
  }
}
