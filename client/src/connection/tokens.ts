import { RoomcastError } from "../codes.ts";
import type { Report } from "../report.ts";

/**
 * Returns a token, or `null` if the user is signed out. It is asked again whenever a token is
 * about to expire or was refused, so it must not answer from a cache of its own.
 */
export type TokenCallback = (signal: AbortSignal) => string | null | Promise<string | null>;

/** What there is to authenticate with: a token, nothing (a cookie may do), or no user at all. */
export type Token = string | undefined | null;

export interface TokenOptions {
  /** Told whose token each is, before the token is used. */
  identified(user: string): void;
  readonly report: Report;
  log(message: string): void;
}

const TIME_LIMIT_MS = 10_000;

interface Claims {
  readonly sub: string;
  readonly exp: number;
  readonly rooms?: Readonly<Record<string, readonly string[]>>;
}

/** What a token claims, unverified, which is the server's to do. `undefined` for what is no token. */
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

/** The newest token of a client, in memory only, shared by all that need it. */
export class Tokens {
  readonly #callback: TokenCallback | undefined;
  readonly #options: TokenOptions;
  /** The last one could not be had, and that was reported. */
  #hasFailed = false;
  #newest: Promise<Token> | undefined;
  #value: Token;

  constructor(callback: TokenCallback | undefined, options: TokenOptions) {
    this.#callback = callback;
    this.#options = options;
  }

  /** The next one may be another user's. */
  forget(): void {
    this.#newest = this.#value = undefined;
  }

  /** The newest token, but none that is `spent`: where ten rooms renew theirs, the app is asked once. */
  get(spent?: Token): Promise<Token> {
    // Who was signed out may have signed in since.
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
      this.#options.log(`token: ${token === null ? "nobody is signed in" : `for ${user}`}`);
    }
    if (user !== undefined) this.#options.identified(user);
  }

  /** It is asked for again and again, and reported the first time. */
  #fail(error: RoomcastError): void {
    this.#newest = undefined;
    if (!this.#hasFailed) this.#options.report(error);
    this.#hasFailed = true;
  }

  async #request(): Promise<Token> {
    const callback = this.#callback;
    if (callback === undefined) return undefined;
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    const tooLate = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)),
    );
    try {
      // Also of one that throws at once, the end of its time is nobody's unhandled rejection.
      const asked = (async () => callback(signal))();
      const token = await Promise.race([asked, tooLate]);
      // A page with an error, say.
      if (token !== null && !JWT.test(token)) throw new TypeError("it returned no token");
      return token;
    } catch (cause) {
      throw new RoomcastError("token_failed", `\`token\` failed: ${cause}`, undefined, cause);
    }
  }
}
