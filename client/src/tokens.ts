/**
 * Returns a token, or `null` if the user is signed out. It is asked again whenever a token is
 * about to expire or was refused, so it must not answer from a cache of its own.
 */
export type TokenCallback = (signal: AbortSignal) => string | null | Promise<string | null>;

/** What there is to authenticate with: a token, nothing (a cookie may do), or no user at all. */
export type Token = string | undefined | null;

const TIME_LIMIT_MS = 10_000;

const JWT = /^[\w.-]+$/;

/** The newest token of a client, in memory only, shared by all that need it. */
export class Tokens {
  readonly #callback: TokenCallback | undefined;
  #newest: Promise<Token> | undefined;
  #value: Token;

  constructor(callback: TokenCallback | undefined) {
    this.#callback = callback;
  }

  /** The newest token, but none that is `spent`: where ten rooms renew theirs, the app is asked once. */
  get(spent?: Token): Promise<Token> {
    // Who was signed out may have signed in since.
    if (!this.#newest || this.#value === null || (spent && spent === this.#value)) {
      this.#value = undefined;
      this.#newest = this.#ask();
      this.#newest.then(
        (token) => (this.#value = token),
        () => (this.#newest = undefined),
      );
    }
    return this.#newest;
  }

  async #ask(): Promise<Token> {
    if (this.#callback === undefined) return undefined;
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    const tooLate = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)),
    );
    const token = await Promise.race([this.#callback(signal), tooLate]);
    // A page with an error, say.
    if (token !== null && !JWT.test(token)) throw new TypeError("`token` returned no token.");
    return token;
  }
}
