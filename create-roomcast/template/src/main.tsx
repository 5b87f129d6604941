import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { RoomcastProvider } from "roomcast/react";
import { Chat } from "./Chat";
import { client } from "./room";
import { SignIn } from "./SignIn";
import "./style.css";

function App() {
  // Each window has a user of its own, so that you can try the chat in two windows.
  const [user, setUser] = useState(() => sessionStorage.getItem("user"));

  function signIn(name: string): void {
    sessionStorage.setItem("user", name);
    client.connect();
    setUser(name);
  }
  function signOut(): void {
    sessionStorage.removeItem("user");
    client.signOut();
    setUser(null);
  }
  return user === null ? <SignIn signIn={signIn} /> : <Chat user={user} signOut={signOut} />;
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <RoomcastProvider client={client}>
      <main>
        <App />
      </main>
    </RoomcastProvider>
  </StrictMode>,
);
