import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { insert, parseJsonc, type Insertion } from "../../src/cli/jsonc.ts";

describe("parseJsonc", () => {
  it("ignores comments, trailing commas and a byte order mark", () => {
    const text = `\uFEFF// first
{
  /* block, with "quotes" and } */
  "a": [1, -2.5e3, true, null,], // last
  "url": "https://a.example/*no comment*/",
  "empty": {}, "nested": { "\\u0062": [[]] },
}
// end`;
    assert.deepEqual(parseJsonc(text), {
      a: [1, -2500, true, null],
      url: "https://a.example/*no comment*/",
      empty: {},
      nested: { b: [[]] },
    });
  });

  it("uses the last member if a key is used twice", () =>
    assert.deepEqual(parseJsonc('{"a":1,"a":2}'), { a: 2 }));

  for (const [text, message] of [
    ["", "line 1: expected a value"],
    ['{"a": 1', "line 1: expected , or }"],
    ['{\n"a" 1}', "line 2: expected :"],
    ["{a: 1}", "line 1: expected a key in double quotes"],
    ['{\n\n"a": undefined}', "line 3: expected a value"],
    ["[1 2]", "line 1: expected , or ]"],
    ['["\\x"]', "line 1: expected a value"],
    ["[01]", "line 1: expected a value"],
    ["{}}", "line 1: expected the end of the file"],
    ["[,]", "line 1: expected a value"],
    ["/* open", "line 1: expected a value"],
  ] as const) {
    it(`rejects ${JSON.stringify(text)}`, () =>
      assert.throws(() => parseJsonc(text), { name: "SyntaxError", message }));
  }
});

describe("insert", () => {
  const member = (path: string[] = [], value: unknown = 1): Insertion => ({
    path,
    key: "new",
    value,
  });
  const element = (path: string[], value: unknown = 1): Insertion => ({ path, value });

  for (const [name, before, insertion, after] of [
    ["an empty object", "{}", member(), '{\n  "new": 1\n}'],
    ["an object on one line", '{ "a": 1 }', member(), '{ "a": 1, "new": 1 }'],
    [
      "an object with a trailing comma",
      '{\n  "a": 1,\n}',
      member(),
      '{\n  "a": 1,\n  "new": 1,\n}',
    ],
    [
      "an object whose last line has a comment",
      '{\n\t"a": 1 // one, {\n\t/* end */\n}\n',
      member(),
      '{\n\t"a": 1, // one, {\n\t/* end */\n\t"new": 1\n}\n',
    ],
    [
      "an object with a comment alone",
      "{\n  // nothing yet\n}",
      member(),
      '{\n  // nothing yet\n  "new": 1\n}',
    ],
    [
      "a file with CRLF",
      '{\r\n  "a": 1\r\n}\r\n',
      member([], { b: 2 }),
      '{\r\n  "a": 1,\r\n  "new": {\r\n    "b": 2\r\n  }\r\n}\r\n',
    ],
    [
      "an array in an object",
      '{\n  "a": {\n    "b": [\n      { "c": 1 }\n    ]\n  }\n}',
      element(["a", "b"], { d: 2 }),
      '{\n  "a": {\n    "b": [\n      { "c": 1 },\n      {\n        "d": 2\n      }\n    ]\n  }\n}',
    ],
    ["an empty array", '{\n  "a": [ ]\n}', element(["a"]), '{\n  "a": [\n    1\n  ]\n}'],
    [
      "the last of two members with one key",
      '{"a":[1],"a":[2]}',
      element(["a"], 3),
      '{"a":[1],"a":[2, 3]}',
    ],
  ] as const) {
    it(`adds to ${name}, and changes nothing else`, () => {
      assert.equal(insert(before, insertion), after);
      parseJsonc(after);
    });
  }
});
