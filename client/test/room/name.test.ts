import assert from "node:assert/strict";
import { it } from "node:test";
import { RoomcastError } from "../../src/codes.ts";
import { clientOf, network } from "../fixture.ts";

const VALID = ["a", ".a", "...", "a:.:b", "orders:a;b@c,d=e.f-g_h", "A".repeat(200), "a:b:c"];

const INVALID: [unknown, RegExp][] = [
  ["my room", /"my room" contains " "\./],
  ["a/b", /contains "\/"/],
  ["zoë", /contains "ë"/],
  ["😀", /contains "😀"/],
  ["a\n", /contains "\\n"/],
  ["", /"" has an empty segment/],
  ["a::b", /empty segment/],
  [":a", /empty segment/],
  ["a:", /empty segment/],
  [":", /empty segment/],
  [".", /"\." would be removed from a URL/],
  ["..", /would be removed/],
  ["a".repeat(201), /has 201 characters/],
  [undefined, /undefined is not a string/],
  [42, /42 is not a string/],
];

for (const name of VALID) {
  it(`${JSON.stringify(name)} is a room name`, () => {
    assert.equal(clientOf().room(name).name, name);
  });
}

for (const [name, message] of INVALID) {
  it(`${JSON.stringify(name)} is rejected immediately, with the reason and the rule`, () => {
    assert.throws(
      () => clientOf().room(name as string),
      (error) => {
        assert.ok(error instanceof RoomcastError);
        assert.equal(error.code, "bad_request");
        assert.match(error.message, message);
        assert.match(error.message, /1 to 200 characters of A-Z a-z 0-9 _ - = @ , \. ;/);
        return true;
      },
    );
    assert.equal(network.dialled, 0);
  });
}
