/** Types shared by the models of a room, its sessions and their sockets. */

/** The server's end of a socket. */
export interface Peer {
  send(frame: object): void;
  close(code: number, reason?: string): void;
}

export interface Session {
  readonly id: string;
  readonly user: string;
  readonly peer: Peer;
  grants: readonly string[];
  expiresAt: number;
  readonly flow: Flow | undefined;
  /** Seq of the last event that was sent to the session. */
  sent: number;
}

/** Flow control of a session: the frames that the session has not acknowledged with `seen`. */
export interface Flow {
  readonly windowBytes: number;
  unseen: { seq: number; bytes: number }[];
}

/** An accepted socket, which handles the frames that it receives. */
export interface ServerSocket {
  readonly user: string;
  receive(text: string): void;
  /**
   * Handles the end of the socket. `code` is the close code, or 1006 if no Close frame was
   * received.
   */
  disconnect(code: number): void;
  /** Closes the socket if its token has expired. */
  expire(): void;
}
