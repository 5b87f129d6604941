import { useEffect, useState, useSyncExternalStore } from "react";
import type { Client, ConnectionStatus } from "roomcast";
import { useStatus } from "roomcast/react";
import { seqOf, type ShipmentsRoom } from "./board.ts";
import { goOffline, goOnline } from "./network.ts";

/** Shows the connection status, and the switch that simulates a lost network for this window. */
export function Connection({ room, client }: { room: ShipmentsRoom; client: Client }) {
  const connection = useStatus(room);
  const { status, retryAt } = connection;
  const transport = useSyncExternalStore(
    room.subscribe,
    () => room.transport,
    () => undefined,
  );

  return (
    <div className="connection">
      <p className="badge" data-status={status} title={transport}>
        <span role="status">{label(connection)}</span>
        {/* Hidden from screen readers, because they would announce every change. */}
        <span aria-hidden="true">
          {status === "connected" && <CurrentEvent room={room} />}
          {status === "reconnecting" && <RetryCountdown at={retryAt} />}
        </span>
      </p>
      {status === "unauthorized" ? (
        <button onClick={() => client.reconnect()}>Sign in again</button>
      ) : (
        <OfflineSwitch client={client} />
      )}
    </div>
  );
}

function label({ status, reason }: ConnectionStatus): string {
  switch (status) {
    case "connecting":
      return "Connecting";
    case "connected":
      return "Connected";
    case "reconnecting":
      return reason === "offline" ? "Offline" : "Reconnecting";
    case "unauthorized":
      return "Signed out";
    case "forbidden":
      return "Access denied";
    case "closed":
      return "Closed";
  }
}

/** Shows the seq of the last event that this window received. */
function CurrentEvent({ room }: { room: ShipmentsRoom }) {
  const position = useSyncExternalStore(
    room.subscribe,
    () => room.position,
    () => undefined,
  );
  return position && `event ${seqOf(position)}`;
}

function RetryCountdown({ at }: { at: number | undefined }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  if (at === undefined) return "retrying now";
  return `retry in ${Math.max(1, Math.ceil((at - now) / 1_000))} s`;
}

function OfflineSwitch({ client }: { client: Client }) {
  const [offline, setOffline] = useState(false);

  function toggle(): void {
    setOffline(!offline);
    if (!offline) return goOffline();
    goOnline();
    client.reconnect();
  }
  return (
    <button role="switch" aria-checked={offline} onClick={toggle}>
      Go offline
    </button>
  );
}
