#!/usr/bin/env node
// npm create roomcast [directory]
import { parseArgs } from "node:util";
import { create, CreateError, nextCommands } from "./create.js";

const HELP = `Creates a chat on Cloudflare Workers with Roomcast.

  npm create roomcast [directory]

The directory must be new or empty. The default is roomcast-chat.
`;

try {
  const { values, positionals } = parse();
  if (values.help) {
    process.stdout.write(HELP);
  } else {
    const [directory = "roomcast-chat", ...rest] = positionals;
    if (rest.length > 0) {
      throw new CreateError(
        `one directory is expected, not ${positionals.length}: put a path with spaces in quotes`,
      );
    }
    create(directory);
    const commands = nextCommands(directory, process.env.npm_config_user_agent);
    console.log(`\nThe chat is in ${directory}. Next:\n`);
    for (const command of commands) console.log(`  ${command}`);
    console.log("");
  }
} catch (error) {
  if (!(error instanceof CreateError)) throw error;
  console.error(`create-roomcast: ${error.message}`);
  process.exitCode = 1;
}

function parse() {
  try {
    return parseArgs({
      options: { help: { type: "boolean", short: "h" } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new CreateError(`${/** @type {Error} */ (error).message}\n\n${HELP}`);
  }
}
