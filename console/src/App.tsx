import { useEffect, useRef, useState } from "react";
import type { RoomcastError } from "roomcast";
import { RoomcastProvider } from "roomcast/react";
import { Header } from "./Header.tsx";
import { SignIn } from "./SignIn.tsx";
import { RoomPage } from "./room/RoomPage.tsx";
import { RoomsPage } from "./rooms/RoomsPage.tsx";
import { INITIAL_VIEW } from "./rooms/list.ts";
import { LIST_HREF, useRoomInUrl } from "./route.ts";
import { OperatorContext, signOut, type Session } from "./session.ts";

export function App() {
  const [session, setSession] = useState<Session>();
  const [refusal, setRefusal] = useState<RoomcastError>();

  const end = (ended: Session, error?: RoomcastError): void => {
    signOut(ended);
    setRefusal(error);
    setSession((current) => (current === ended ? undefined : current));
  };
  if (session === undefined) {
    return <SignIn refusal={refusal} onSession={setSession} onRefused={end} />;
  }
  const onSignOut = (): void => {
    location.hash = LIST_HREF;
    end(session);
  };
  return <SignedIn session={session} onSignOut={onSignOut} />;
}

function SignedIn({ session, onSignOut }: { session: Session; onSignOut: () => void }) {
  const room = useRoomInUrl();
  const [message, announce] = useState("");
  // The list keeps its search and order while a room is open.
  const [view, setView] = useState(INITIAL_VIEW);
  useEffect(() => {
    document.title = `${room ?? "Rooms"} · Console · Roomcast`;
  }, [room]);
  // The page of a room moves the focus to its heading. The way back moves it to the list.
  const wasInRoom = useRef(false);
  useEffect(() => {
    if (room === undefined && wasInRoom.current) document.getElementById("main")?.focus();
    wasInRoom.current = room !== undefined;
  }, [room]);
  useEffect(() => session.metrics.start(), [session]);

  return (
    <OperatorContext value={{ session, announce }}>
      <RoomcastProvider client={session.client}>
        <a className="skip" href="#main" onClick={focusMain}>
          Skip to the content
        </a>
        <Header session={session} onSignOut={onSignOut} />
        <main id="main" tabIndex={-1}>
          <p role="status" className="message">
            {message}
          </p>
          {room === undefined ? (
            <RoomsPage view={view} onView={setView} />
          ) : (
            <RoomPage key={room} name={room} />
          )}
        </main>
      </RoomcastProvider>
    </OperatorContext>
  );
}

/** Moves the focus without a change of the URL, whose fragment names the room. */
function focusMain(event: React.MouseEvent): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
