import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

/** The object of one room. */
export class RoomObject extends DurableObject<any> {}

/** The whole worker: it serves Roomcast's routes at the root of its host. */
export default class Roomcast extends WorkerEntrypoint<any> {
  fetch(request: Request): Promise<Response>;
}
