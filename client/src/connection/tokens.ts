import { RoomcastError } from "../codes.ts";
import type { Report } from "../report.ts";

/**
 * Returns a token, `null` if the user is signed out, or `undefined` to connect without a token, for
 * public rooms. Called when the client first needs a token, after `connect` or `reconnect`, and
 * after the callback failed or returned `null`. Called again if the token is about to expire or was
 * rejected. So the callback must not return a cached token. The signal is aborted after 10 s, and
 * the call then fails with `token_failed`.
 */
export type TokenCallback = (
  signal: AbortSignal,
) => string | null | undefined | Promise<string | null | undefined>;

/**
 * A token. It is `undefined` if the app has no callback or its callback returns no token, because a
 * cookie may then authenticate the user, or a room may be public. It is `null` if no user is signed
 * in.
 */
export type Token = string | undefined | null;

export interface TokenOptions {
  /** Called with the user of each token, before the token is used. */
  onUser(user: string): void;
  readonly report: Report;
  log(message: string): void;
}

const TIME_LIMIT_MS = 10_000;

interface Claims {
  readonly sub: string;
  readonly exp: number;
  readonly rooms?: Readonly<Record<string, readonly string[]>>;
}

/**
 * Returns the claims of a token without verifying them, because only the server verifies tokens.
 * Returns `undefined` if the text is not a token.
 */
export function claimsOf(token: string): Claims | undefined {
  try {
    const payload = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

const JWT = /^[\w.-]+$/;

/**
 * A client's newest token, which all its connections and requests share. It is stored only in
 * memory.
 */
export class Tokens {
  readonly #callback: TokenCallback | undefined;
  readonly #options: TokenOptions;
  /** `true` if the last request for a token has failed, and the error was reported. */
  #hasFailed = false;
  #newest: Promise<Token> | undefined;
  #value: Token;

  constructor(callback: TokenCallback | undefined, options: TokenOptions) {
    this.#callback = callback;
    this.#options = options;
  }

  /** Drops the token, because the next token may belong to another user. */
  clear(): void {
    this.#newest = this.#value = undefined;
  }

  /**
   * Returns the newest token. Requests a new token if there is none, or if the newest token is
   * `spent`. Simultaneous calls share one request: if ten rooms renew their token, the callback is
   * called once.
   */
  get(spent?: Token): Promise<Token> {
    // `null` is not reused, because a user may have signed in since the last request.
    if (!this.#newest || this.#value === null || (spent && spent === this.#value)) {
      this.#value = undefined;
      const newest = (this.#newest = this.#request());
      const isNewest = (): boolean => newest === this.#newest;
      newest.then(
        (token) => {
          if (isNewest()) this.#accept(token);
        },
        (error: RoomcastError) => {
          if (isNewest()) this.#fail(error);
        },
      );
    }
    return this.#newest;
  }

  #accept(token: Token): void {
    this.#value = token;
    this.#hasFailed = false;
    const user = token ? claimsOf(token)?.sub : undefined;
    if (token !== undefined) {
      this.#options.log(`token: ${token === null ? "no user is signed in" : `for ${user}`}`);
    }
    if (user !== undefined) this.#options.onUser(user);
  }

  /**
   * Handles a failed request for a token. Only the first of several failures in a row is reported.
   */
  #fail(error: RoomcastError): void {
    this.#newest = undefined;
    if (!this.#hasFailed) this.#options.report(error);
    this.#hasFailed = true;
  }

  async #request(): Promise<Token> {
    const callback = this.#callback;
    if (callback === undefined) return undefined;
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    const timeout = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)),
    );
    try {
      // If the callback throws synchronously, the async function turns the error into a rejection.
      // So `Promise.race` is always called, and handles a rejection of `timeout`, which would
      // otherwise be unhandled.
      const asked = (async () => callback(signal))();
      const token = await Promise.race([asked, timeout]);
      // The callback may have returned an HTML error page, for example.
      if (token != null && !JWT.test(token)) throw new TypeError("it returned no token");
      return token;
    } catch (cause) {
      throw new RoomcastError("token_failed", `\`token\` failed: ${cause}`, undefined, cause);
    }
  }
}
