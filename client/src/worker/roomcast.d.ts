import { DurableObject } from "cloudflare:workers";

/** The object of one room. */
export class RoomObject extends DurableObject<any> {}

/** The whole worker: it serves Roomcast's routes at the root of its host. */
declare const worker: {
  fetch(request: Request, env: object, context: object): Promise<Response>;
};
export default worker;
