/** Signs tokens with the secret on this machine. */
import { createToken, type TokenOptions } from "../token.ts";
import { Failure } from "./failure.ts";
import { readText } from "./files.ts";
import { DEV_VARS, devVariables, variablesIn } from "./secret.ts";

/**
 * Creates a token with the variables of the file. Without a file, uses the environment and then
 * `.dev.vars`.
 */
export async function signToken(
  content: Pick<TokenOptions, "user" | "rooms" | "expiresInSeconds">,
  file?: string,
): Promise<string> {
  const variables = file === undefined ? localVariables() : variablesOf(file);
  const { JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE } = variables;
  if (!JWT_SECRET) {
    throw new Failure(
      file === undefined
        ? `JWT_SECRET is missing: npx roomcast init writes it to ${DEV_VARS}`
        : `${file} has no JWT_SECRET`,
    );
  }
  try {
    return await createToken(JWT_SECRET, {
      ...content,
      issuer: JWT_ISSUER,
      audience: JWT_AUDIENCE,
    });
  } catch (error) {
    throw new Failure((error as Error).message);
  }
}

const localVariables = (): NodeJS.Dict<string> => ({ ...devVariables("."), ...process.env });

function variablesOf(file: string): NodeJS.Dict<string> {
  const text = readText(file);
  if (text === undefined) throw new Failure(`there is no file ${file}`);
  return variablesIn(text);
}
