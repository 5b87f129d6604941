import { useEffect, useRef, useState } from "react";
import { RoomcastError } from "roomcast";
import type { Member, StatsAnswer } from "roomcast/protocol";
import { useGrant, useRoom, useStatus } from "roomcast/react";
import { asError } from "../api.ts";
import { ErrorText, MissingRight } from "../ErrorText.tsx";
import { usePoll } from "../poll.ts";
import { LIST_HREF } from "../route.ts";
import { useOperator } from "../session.ts";
import { Erase } from "./Erase.tsx";
import { Events } from "./Events.tsx";
import { Members } from "./Members.tsx";
import { Publish } from "./Publish.tsx";
import { Stats } from "./Stats.tsx";
import { StatusBadge } from "./StatusBadge.tsx";

const REFRESH_MS = 5_000;

/** The page of one room. The name comes from the URL, and may be invalid. */
export function RoomPage({ name }: { name: string }) {
  const { client } = useOperator().session;
  let invalid: RoomcastError | undefined;
  try {
    client.room(name);
  } catch (error) {
    invalid = asError(error);
  }
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <>
      <nav aria-label="Breadcrumb">
        <a href={LIST_HREF}>← All rooms</a>
      </nav>
      <h1 ref={heading} tabIndex={-1} className="room-name">
        {name}
      </h1>
      {invalid ? <ErrorText error={invalid} /> : <ValidRoom name={name} />}
    </>
  );
}

function ValidRoom({ name }: { name: string }) {
  const { api } = useOperator().session;
  const room = useRoom(name);
  const { status, reason } = useStatus(room);
  const grant = useGrant(room);
  const [stats, setStats] = useState<StatsAnswer>();
  const [members, setMembers] = useState<readonly Member[]>();
  const [error, setError] = useState<RoomcastError>();
  // A request would create the erased room again.
  const isErased = reason === "erased";

  usePoll(async (signal) => {
    try {
      const read = await Promise.all([api.stats(name, signal), api.members(name, signal)]);
      setStats(read[0]);
      setMembers(read[1]);
      setError(undefined);
    } catch (error) {
      if (!signal.aborted) setError(asError(error));
    }
    return REFRESH_MS;
  }, isErased);

  const lacks = (right: string): boolean =>
    status === "forbidden" || (grant !== undefined && !grant.includes(right));
  return (
    <>
      <StatusBadge room={room} />
      {error && <ErrorText error={error}>The room's figures can't be read. </ErrorText>}
      <Stats stats={stats} />
      <div className="room-grid">
        {lacks("subscribe") ? (
          <section className="panel events" aria-labelledby="events">
            <h2 id="events">Events</h2>
            <MissingRight right="subscribe" what="read events" />
          </section>
        ) : (
          <Events room={room} />
        )}
        <div className="room-side">
          <Members room={name} members={members} sessions={stats?.sessions} />
          <section className="panel" aria-labelledby="publish">
            <h2 id="publish">Publish a test event</h2>
            {lacks("publish") ? (
              <MissingRight right="publish" what="publish an event" />
            ) : (
              <Publish room={room} />
            )}
          </section>
          <Erase room={name} />
        </div>
      </div>
    </>
  );
}
