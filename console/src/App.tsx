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

interface State {
  session?: Session;
  /** Error that ended the last session. */
  refusal?: RoomcastError | undefined;
}

export function App() {
  const [{ session, refusal }, setState] = useState<State>({});

  // Several requests can be refused at the same time. Only the first ends the session.
  const end = (ended: Session, refusal?: RoomcastError): void => {
    signOut(ended);
    setState((current) => (current.session === ended ? { refusal } : current));
  };
  if (session === undefined) {
    const start = (session: Session): void => setState({ session });
    return <SignIn refusal={refusal} onSession={start} onRefused={end} />;
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
