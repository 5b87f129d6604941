/** The page that runs one client of pusher-js for a test. */
import type { Options } from "pusher-js";
import Pusher from "pusher-js/with-encryption";
import { Recorder } from "./recorder.ts";

Object.assign(globalThis, {
  start: (key: string, options: Options): void =>
    void Object.assign(globalThis, { recorder: new Recorder(Pusher, key, options) }),
});
