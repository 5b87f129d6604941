// node tools/prose.ts [<path> …]
//
// Checks the comments and the Markdown of the tracked files for constructions that are hard to
// read. Prints every hit with advice for rewriting it, and exits with 1 if there are hits. The
// paths limit the check to files and folders. Code in backticks, code blocks, tables and headings
// are not checked.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

interface Rule {
  name: string;
  pattern: RegExp;
  instead: string;
}

export interface Hit {
  line: number;
  rule: Rule;
  sentence: string;
}

interface Block {
  /** Number of the block's first line. */
  line: number;
  text: string;
}

/** Expressions that are old-fashioned, or that hide the verb. */
const IDIOMS = [
  ...["be it", "lest", "anew", "afresh", "of itself", "but for", "as may be", "in silence"],
  ...["mended", "passed over", "would do", "will do", "no more than it", "so much", "so many"],
  ...["nobody's business", "none of its business", "at the (?:least|most)"],
  ...["(?:can't|could not|to) be had", "ha(?:s|ve) yet to", "(?:is|are) (?:to be|owed)"],
  "comes? to (?=a |an |nothing|it\\b)",
];

/** Verbs for actions that a person performs, but a socket or a room does not. */
const PERSONAL = [
  ...["told", "heard", "said", "held to", "asked", "listened", "let in", "let go"],
  ...["taken up", "taken for", "waited for", "looked at"],
];

const RULES: Rule[] = [
  {
    name: "relative-clause subject",
    pattern: /^(?:\*\*)?(?:What|Who|Whoever|Whom|Whose|Those|Where|Whatever)\b(?!.*\?$)/,
    instead: 'start with a noun: not "What is due is sent", but "Due frames are sent"',
  },
  {
    name: "bare who",
    pattern: /\b(?:to|for|of|by|from|than|with|but|nor|and|or|as|that)\s+(?:who|whom|whoever)\b/i,
    instead: 'put a noun before it: not "for who resumes", but "for a client that resumes"',
  },
  {
    name: "fronted Of",
    pattern: /^Of (?!course)[a-z]/,
    instead: 'start with the subject: not "Of ten events it sends two", but "It sends two of ten"',
  },
  {
    name: "archaic idiom",
    pattern: new RegExp(`\\b(?:${IDIOMS.join("|")})\\b`, "i"),
    instead: 'use a common word: "again", "at most", "must", "not yet", "fix", "ignore", "reject"',
  },
  {
    name: "personified passive",
    pattern: new RegExp(
      `\\b(?:is|are|was|were|be|been)\\s+(?:${PERSONAL.join("|").replaceAll(" ", "\\s+")})\\b`,
      "i",
    ),
    instead: 'use the technical verb: "sent", "received", "notified", "requested", "restored"',
  },
];

/**
 * Returns the sentences of a file that match a rule. A sentence that matches two rules is returned
 * twice.
 */
export function check(path: string, text: string): Hit[] {
  const hits: Hit[] = [];
  for (const block of path.endsWith(".md") ? paragraphs(text) : comments(text)) {
    for (const { line, text: sentence } of sentences(block)) {
      if (sentence.split(" ").length < 3) continue;
      for (const rule of RULES)
        if (rule.pattern.test(sentence)) hits.push({ line, rule, sentence });
    }
  }
  return hits;
}

/** Returns the paragraphs and list items of Markdown. */
function paragraphs(text: string): Block[] {
  let isCode = false;
  return blocks(text, (line) => {
    const isFence = line.startsWith("```");
    if (isFence) isCode = !isCode;
    if (isCode || isFence || /^(?:\||#|<!--)/.test(line)) return undefined;
    return line.replace(/^\s*(?:[-*]|\d+\.)\s+/, "");
  });
}

/** Returns the comments of Rust, TypeScript and JavaScript that have lines of their own. */
function comments(text: string): Block[] {
  return blocks(
    text,
    (line) => /^\s*(?:\/\/[/!]?|\/\*\*?|\*(?!\/))\s?(.*?)(?:\*\/)?$/.exec(line)?.[1],
  );
}

/**
 * Joins consecutive lines of prose into blocks. `proseOf` returns the prose in a line, if there is
 * any.
 */
function blocks(text: string, proseOf: (line: string) => string | undefined): Block[] {
  const found: Block[] = [];
  let open: Block | undefined;
  for (const [i, line] of text.split("\n").entries()) {
    const prose = proseOf(line);
    if (!prose?.trim()) open = undefined;
    else if (open) open.text += `\n${prose}`;
    else found.push((open = { line: i + 1, text: prose }));
  }
  return found;
}

function sentences({ line, text }: Block): Block[] {
  const lineBreaks = (part: string): string => part.replace(/[^\n]/g, "");
  const plain = text
    .replace(/`[^`]*`/g, (code) => `X${lineBreaks(code)}`)
    .replace(/\[([^\]]*)\]\(([^)]*)\)/g, (_, label, url) => label + lineBreaks(url));
  const found: Block[] = [];
  let at = line;
  for (const part of plain.split(/(?<=[.!?:;])(\s+)(?=[A-Z*`])/)) {
    const start = at + lineBreaks(/^\s*/.exec(part)?.[0] ?? "").length;
    at += lineBreaks(part).length;
    const sentence = part.replace(/\s+/g, " ").trim();
    if (sentence !== "") found.push({ line: start, text: sentence });
  }
  return found;
}

if (import.meta.main) {
  const listed = execFileSync("git", ["ls-files", "-z", "--", ...process.argv.slice(2)], {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  const paths = listed.split("\0").filter((path) => /\.(?:rs|tsx?|md|m?js)$/.test(path));
  // git lists a deleted file until its deletion is staged, so files that do not exist are skipped.
  for (const path of paths.filter(existsSync)) {
    for (const { line, rule, sentence } of check(path, readFileSync(path, "utf8"))) {
      console.error(`${path}:${line}: [${rule.name}] ${sentence}\n    ${rule.instead}`);
      process.exitCode = 1;
    }
  }
}
