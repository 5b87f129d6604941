import { useState, type FormEvent } from "react";
import type { RoomcastError } from "roomcast";
import { asError } from "./api.ts";
import { ErrorText, TOKEN_COMMAND } from "./ErrorText.tsx";
import { signIn, type Session } from "./session.ts";

interface Props {
  /** Error that ended the last session. */
  refusal: RoomcastError | undefined;
  onSession: (session: Session) => void;
  onRefused: (session: Session, error: RoomcastError) => void;
}

export function SignIn({ refusal, onSession, onRefused }: Props) {
  const [error, setError] = useState(refusal);
  const [isBusy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const token = String(new FormData(event.currentTarget).get("token")).trim();
    setBusy(true);
    setError(undefined);
    try {
      onSession(await signIn(token, onRefused));
    } catch (error) {
      setError(asError(error));
      setBusy(false);
    }
  }

  return (
    <main className="sign-in">
      <h1>
        Roomcast <span>console</span>
      </h1>
      <form className="panel" onSubmit={submit}>
        <label htmlFor="token">Admin token</label>
        <input
          id="token"
          name="token"
          type="password"
          autoComplete="off"
          spellCheck={false}
          required
          autoFocus
          aria-describedby="token-help"
        />
        <p id="token-help">
          The token stays in the memory of this page. It is not stored, and is gone when you reload
          or close the page.
        </p>
        <button type="submit" disabled={isBusy}>
          {isBusy ? "Signing in…" : "Sign in"}
        </button>
        {error !== undefined && (
          <ErrorText error={error}>
            {error === refusal ? "Your session has ended. " : undefined}
          </ErrorText>
        )}
      </form>
      <p>This command prints a token for an hour:</p>
      <pre tabIndex={0} aria-label="Command">
        {TOKEN_COMMAND}
      </pre>
    </main>
  );
}
