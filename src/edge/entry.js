/**
 * Entry of the worker and of the rooms' objects, which call the WebAssembly. After a trap, the state
 * in the WebAssembly's memory is unknown. So the next call starts the WebAssembly again, and each
 * room is loaded again from its storage.
 */
import { DurableObject, env } from "cloudflare:workers";
import * as wasm from "wasm";
import { log } from "./log.js";

/** The Rust side changes this object: a panic sets `criticalError`, a start changes `instanceId`. */
const state = wasm.__worker_init_state();

let current = state.instanceId;

/** Starts the WebAssembly again if it trapped. Returns the id of the instance for the next call. */
function liveInstance() {
  if (state.criticalError) {
    wasm.__wbg_reset_state();
    state.criticalError = false;
  }
  // After an exception passed through the WebAssembly, the generated code itself starts it again in
  // the next call. That call must be this one: an object's call would use an address of the old
  // instance.
  call(wasm.doNothing);
  if (current !== state.instanceId) {
    current = state.instanceId;
    log("error", "wasm_restarted", { cause: "the WebAssembly trapped" });
  }
  return current;
}

/**
 * Calls the WebAssembly. Its functions return their errors as responses or rejected promises. So an
 * exception comes from a trap.
 */
function call(run) {
  try {
    return run();
  } catch (error) {
    state.criticalError = true;
    throw error;
  }
}

// No caller catches the trap of a task, a timer or a finalizer.
addEventListener("error", ({ error }) => {
  if (error instanceof WebAssembly.RuntimeError) state.criticalError = true;
});

const GET_HEADERS = wasm.requestHeaders("GET");
const OTHER_HEADERS = wasm.requestHeaders("POST");

/**
 * Returns the parts of a request that the worker reads: the method, the URL and some headers, each
 * on its own line. No part can contain a line break. A single text crosses into the WebAssembly at
 * less cost than the request, whose parts would be read one by one.
 */
function headOf({ method, url, headers }) {
  let head = `${method}\n${url}`;
  const names = method === "GET" ? GET_HEADERS : OTHER_HEADERS;
  for (const name of names) head += `\n${headers.get(name) ?? ""}`;
  return head;
}

/** The worker. An object needs no instance for each request, which a class does. */
export default {
  async fetch(request, env, context) {
    liveInstance();
    return call(() => wasm.fetch(headOf(request), request, env, context));
  },
};

/** An object of the WebAssembly, created again for each instance of the WebAssembly. */
class LiveObject {
  #create;
  #object;
  #instance;

  constructor(create) {
    this.#create = create;
  }

  /** Returns the object of the live instance, and creates it if it belongs to an older one. */
  #current() {
    const instance = liveInstance();
    if (this.#instance !== instance) {
      this.#object = call(this.#create);
      this.#instance = instance;
    }
    return this.#object;
  }

  call(callback) {
    const object = this.#current();
    return call(() => callback(object));
  }
}

const STORAGE_FAILED = "the storage of the directory failed; its log has the reason";

/** The object of one room, or of one shard of the directory. */
export class RoomObject extends DurableObject {
  #room;
  #shard;

  /** Sends a request of another part of the worker to a room. `ROOMS` is its binding. */
  static callRoom(ROOMS, room, text, body) {
    liveInstance();
    return call(() => wasm.callRoom(env, { ROOMS }, room, text, body));
  }

  constructor(state, env) {
    super(state, env);
    this.#room = new LiveObject(() => new wasm.RoomObject(state, env));
    this.#shard = new LiveObject(() => new wasm.DirectoryObject(state, env));
  }

  /** Answers an upgrade of the worker. */
  fetch(request) {
    return this.#room.call((room) => room.connect(request));
  }

  /**
   * Answers any other request of the worker. If `takesReport` is `true`, the answer may have the
   * room's report, and the worker delivers it.
   */
  request(text, body, takesReport) {
    return new Promise((resolve) => {
      const answer = (status, body, retryAfter, bytes, report) =>
        resolve({ status, body, retryAfter, bytes, report });
      this.#room.call((room) => room.request(String(text), body, takesReport === true, answer));
    });
  }

  alarm() {
    return this.#room.call((room) => room.alarm());
  }

  webSocketMessage(socket, message) {
    this.#room.call((room) => room.webSocketMessage(socket, message));
  }

  webSocketClose(socket, code) {
    this.#room.call((room) => room.webSocketClose(socket, code));
  }

  webSocketError(socket) {
    this.#room.call((room) => room.webSocketError(socket));
  }

  /** Stores reports in this shard of the directory. */
  record(reports) {
    if (!this.#shard.call((shard) => shard.record(reports))) throw new Error(STORAGE_FAILED);
  }

  /** Returns a page of this shard's rooms, a line for each room. */
  rooms(query) {
    return this.#read((shard) => shard.rooms(query));
  }

  /** Returns the sums of this shard's reports, a line for each series. */
  sums() {
    return this.#read((shard) => shard.sums());
  }

  #read(read) {
    const answer = this.#shard.call(read);
    if (answer === undefined) throw new Error(STORAGE_FAILED);
    return answer;
  }
}
