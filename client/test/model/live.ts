/** The model behind real sockets. A restart closes the connections and retains the stored data. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import { accept } from "./accept.ts";
import { respond } from "./http.ts";
import type { RoomSettings } from "./room.ts";
import { ModelServer } from "./server.ts";

export class LiveModel {
  readonly model: ModelServer;
  #http!: Server;
  #port = 0;

  constructor(settings: Partial<RoomSettings> = {}) {
    this.model = new ModelServer(Date.now, settings);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const sockets = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => offered.has("roomcast.v1") && "roomcast.v1",
    });
    this.#http = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { status, body } = respond(this.model, {
        method: request.method!,
        url: this.#urlOf(request),
        token: request.headers.authorization?.slice("Bearer ".length),
        body: Buffer.concat(chunks).toString(),
      });
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    this.#http.on("upgrade", (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (websocket) => this.#accept(websocket, request)),
    );
    await new Promise<void>((resolve) => this.#http.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeAllConnections();
    this.#upgraded.forEach((websocket) => websocket.terminate());
    await closed;
  }

  readonly #upgraded = new Set<WebSocket>();

  #urlOf(request: IncomingMessage): URL {
    return new URL(request.url!, this.url);
  }

  #accept(websocket: WebSocket, request: IncomingMessage): void {
    this.#upgraded.add(websocket);
    const url = this.#urlOf(request);
    const token = request.headers["sec-websocket-protocol"]
      ?.split(/, */)[1]
      ?.slice("bearer.".length);
    const accepted = accept(this.model, url, token, {
      send: (frame) => websocket.send(JSON.stringify(frame)),
      close: (code, reason) => websocket.close(code, reason),
    });
    websocket.on("message", (data) => accepted?.receive(String(data)));
    websocket.on("close", (code) => {
      this.#upgraded.delete(websocket);
      accepted?.disconnect(code);
    });
  }
}
