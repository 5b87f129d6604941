/**
 * Entry of the worker and of the rooms' objects, which call the WebAssembly. After a trap, the state
 * in the WebAssembly's memory is unknown. So the next call starts the WebAssembly again, and each
 * room is loaded again from its storage.
 */
import { DurableObject } from "cloudflare:workers";
import * as wasm from "wasm";

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
    console.error("The WebAssembly trapped and was started again.");
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

/** The object of one room, created again for each instance of the WebAssembly. */
export class RoomObject extends DurableObject {
  #create;
  #object;
  #instance;

  constructor(state, env) {
    super(state, env);
    this.#create = () => new wasm.RoomObject(state, env);
    this.#current();
  }

  /** Answers an upgrade of the worker. */
  fetch(request) {
    return this.#call((object) => object.connect(request));
  }

  /** Answers any other request of the worker. */
  request(text, body) {
    return new Promise((resolve) => {
      const answer = (status, body, retryAfter) => resolve({ status, body, retryAfter });
      this.#call((object) => object.request(String(text), body, answer));
    });
  }

  alarm() {
    return this.#call((object) => object.alarm());
  }

  webSocketMessage(socket, message) {
    this.#call((object) => object.webSocketMessage(socket, message));
  }

  webSocketClose(socket, code) {
    this.#call((object) => object.webSocketClose(socket, code));
  }

  webSocketError(socket) {
    this.#call((object) => object.webSocketError(socket));
  }

  #call(callback) {
    const object = this.#current();
    return call(() => callback(object));
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
}
