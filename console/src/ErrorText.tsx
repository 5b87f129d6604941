import type { ReactNode } from "react";
import type { RoomcastError } from "roomcast";

/** Command that prints a token with every right that the console uses. */
export const TOKEN_COMMAND =
  "npx roomcast token --user me --room '*' --can admin,subscribe,publish,presence --for 1h";

/** Shows an error with its code. `children` precede the message. */
export function ErrorText({ error, children }: { error: RoomcastError; children?: ReactNode }) {
  return (
    <p role="alert" className="error">
      {children}
      <code>{error.code}</code> {error.message}
    </p>
  );
}

/** Names a right that the token lacks, and a command for a token that has it. */
export function MissingRight({ right, what }: { right: string; what: string }) {
  return (
    <div className="note">
      <p>
        The token does not grant <code>{right}</code> in this room, which is needed to {what}. Sign
        in with another token:
      </p>
      <pre tabIndex={0} aria-label="Command">
        {TOKEN_COMMAND}
      </pre>
    </div>
  );
}
