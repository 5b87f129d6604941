/**
 * Returns the id of the user who is signed in, or `undefined`. Call your sign-in library here, and
 * never read the id from a parameter of the request.
 */
export async function userOf(_request: Request): Promise<string | undefined> {
  return undefined;
}
