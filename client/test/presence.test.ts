/** Stories of presence, in virtual time. */
import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import type { Member, Room } from "../src/index.ts";
import { advance } from "./model/network.ts";
import { tokenFor } from "./model/server.ts";
import { clientOf, cutAll, HOUR, network, server } from "./story.ts";

const roomOf = (user: string, grants?: string[]): Room =>
  clientOf({ token: () => tokenFor(user, Date.now() + HOUR, grants) }).room("room");

/** `alice=1,2 bob=3`: each user with the data of its sessions. */
const shown = (members: readonly Member[] | undefined): string | undefined =>
  members
    ?.map(({ user, sessions }) => `${user}=${sessions.map(({ data }) => JSON.stringify(data))}`)
    .join(" ");

const shownTo = (...rooms: Room[]): (string | undefined)[] =>
  rooms.map(({ presence }) => shown(presence.members));

/** Everything that is shown to a client, from now on. */
function diary({ presence }: Room): (string | undefined)[] {
  const entries: (string | undefined)[] = [];
  presence.subscribe(() => entries.push(shown(presence.members)));
  return entries;
}

describe("entering", () => {
  it("shows the members, and tells them", async () => {
    const [alice, bob] = [roomOf("alice"), roomOf("bob")];
    alice.presence.enter({ at: "desk" });
    assert.equal(alice.presence.members, undefined, "unknown");
    await advance(100);
    bob.presence.enter();
    await advance(100);
    const all = 'alice={"at":"desk"} bob=null';
    assert.deepEqual(shownTo(alice, bob), [all, all]);
    const [{ sessions }] = alice.presence.members as [Member];
    assert.deepEqual(Object.keys(sessions[0]!), ["session", "data", "since"]);
  });
});
