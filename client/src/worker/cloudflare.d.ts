/** The parts of Cloudflare's runtime that this package uses. */
declare module "cloudflare:workers" {
  export abstract class DurableObject<Env = unknown> {
    constructor(state: object, env: Env);
    protected readonly env: Env;
  }
  export abstract class WorkerEntrypoint<Env = unknown> {
    constructor(context: object, env: Env);
    protected readonly env: Env;
  }
}
