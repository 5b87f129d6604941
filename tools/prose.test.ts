import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { check } from "./prose.ts";

const found = (path: string, text: string): string[] =>
  check(path, text).map(({ line, rule }) => `${line} ${rule.name}`);

describe("each rule matches its bad example, and not its good example", () => {
  const cases: [rule: string, bad: string, good: string][] = [
    ["relative-clause subject", "What is due is sent.", "Due frames are sent."],
    ["relative-clause subject", "**Whoever resumes gets it.**", "What does it cost?"],
    ["bare who", "A mark for who resumes.", "A mark for a client who resumes."],
    ["fronted Of", "Of ten events it sends two.", "Of course it sends two."],
    ["archaic idiom", "It has yet to send two.", "It has not sent two yet."],
    ["archaic idiom", "It comes to nothing here.", "It comes to rest here."],
    ["personified passive", "The gap is told to all.", "All clients receive the gap."],
    ["personified passive", "It was taken up later.", "It was restored later."],
  ];
  for (const [rule, bad, good] of cases) {
    test(`${rule}: ${bad}`, () => {
      assert.deepEqual(found("a.rs", `/// ${bad}`), [`1 ${rule}`]);
      assert.deepEqual(found("a.rs", `/// ${good}`), []);
    });
  }
});

test("a sentence of two words is not checked", () => {
  assert.deepEqual(found("a.ts", "// Those remain."), []);
});

test("a sentence that matches two rules is reported for each rule", () => {
  const names = ["1 relative-clause subject", "1 archaic idiom"];
  assert.deepEqual(found("a.ts", "// What is anew is sent."), names);
});

test("a hit has the line on which its sentence starts", () => {
  const comment = [
    "let a = 1;",
    "/// One event. Two",
    "/// events.",
    "/// What is due",
    "/// is sent.",
  ];
  assert.deepEqual(found("a.rs", comment.join("\n")), ["4 relative-clause subject"]);
  const code = ["/**", " * Calls `a(", " * b)` twice: What is due is", " * sent.", " */"];
  assert.deepEqual(found("a.ts", code.join("\n")), ["3 relative-clause subject"]);
});

test("a blank line ends a sentence", () => {
  assert.deepEqual(found("a.ts", "// node a.ts\n//\n// What is due is sent."), [
    "3 relative-clause subject",
  ]);
});

test("code, strings and text in backticks are not checked", () => {
  assert.deepEqual(found("a.ts", 'log("What is due is sent.");'), []);
  assert.deepEqual(found("a.ts", "// Not `the gap is told`, but `a gap is sent`."), []);
});

test("headings, tables and code blocks of Markdown are not checked", () => {
  const bad = "What is due is sent.";
  const page = [`# ${bad}`, "", `| ${bad} |`, "", "```", bad, "```", `<!-- ${bad} -->`];
  assert.deepEqual(found("a.md", page.join("\n")), []);
});

test("paragraphs, list items and link labels of Markdown are checked", () => {
  const page = ["One event.", "What is due is sent.", "", "- Send it, [but for](two.md) two."];
  assert.deepEqual(found("a.md", page.join("\n")), [
    "2 relative-clause subject",
    "4 archaic idiom",
  ]);
});
