/**
 * Two hosts, and the network link between them. The hosts send each other Ethernet frames in UDP
 * packets (VXLAN, RFC 7348) through this process. So this process needs only ordinary sockets to
 * lose, delay, reorder and duplicate single packets.
 */
import { execFileSync } from "node:child_process";
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";

export const HOSTS = { server: "10.8.0.1", clients: "10.8.0.2" } as const;
export type Host = keyof typeof HOSTS;

/** VXLAN's port. */
const PORT = 4789;
const NAMES: Host[] = ["server", "clients"];

const ip = (...args: string[]): void => void execFileSync("ip", args);

/**
 * Creates the hosts in the namespaces of this process. The hosts are removed when the process ends.
 */
export function makeHosts(): void {
  // /run contains the names of network namespaces. Without this mount, the names would be visible
  // on the whole machine.
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", "/run"]);
  for (const [i, host] of NAMES.entries()) {
    const inside = (...args: string[]): void => ip("-n", host, ...args);
    const other = NAMES[1 - i] as Host;
    ip("netns", "add", host);
    ip("link", "add", host, "type", "veth", "peer", "name", "cable", "netns", host);
    ip("address", "add", `${here(host)}/24`, "dev", host);
    ip("link", "set", host, "up");
    inside("link", "set", "lo", "up");
    inside("address", "add", `${there(host)}/24`, "dev", "cable");
    inside("link", "set", "cable", "up");
    const road = ["type", "vxlan", "id", "1", "remote", here(host), "dstport", String(PORT)];
    inside("link", "add", "road", "address", mac(host), ...road);
    inside("address", "add", `${HOSTS[host]}/24`, "dev", "road");
    inside("link", "set", "road", "mtu", "1400", "gso_max_segs", "1", "up");
    // The neighbors are static, so that the system reports no ARP error for a host that is cut off.
    // A host behind a distant router would cause no ARP error either.
    inside("neighbour", "add", HOSTS[other], "lladdr", mac(other), "dev", "road");
  }
}

const net = (host: Host): number => NAMES.indexOf(host) + 1;
const here = (host: Host): string => `10.9.${net(host)}.1`;
const there = (host: Host): string => `10.9.${net(host)}.2`;
const mac = (host: Host): string => `02:00:00:00:00:0${net(host)}`;

export interface Conditions {
  /** Fraction of the packets that are lost. */
  lost: number;
  duplicated: number;
  /**
   * Each packet is delayed by `delayMs` plus a random time of up to `jitterMs`. So packets may
   * arrive in a different order.
   */
  delayMs: number;
  jitterMs: number;
  /** Hosts that receive no packets. The sender of a packet gets no error. */
  cutOff: Host[];
}

export const GOOD: Conditions = { lost: 0, duplicated: 0, delayMs: 0, jitterMs: 0, cutOff: [] };

export class Link {
  conditions = GOOD;
  readonly counts = { delivered: 0, lost: 0, duplicated: 0 };
  readonly #random: () => number;
  readonly #ends: Record<Host, Socket>;

  private constructor(random: () => number, ends: Record<Host, Socket>) {
    this.#random = random;
    this.#ends = ends;
    ends.server.on("message", (packet) => this.#forward(packet, "clients"));
    ends.clients.on("message", (packet) => this.#forward(packet, "server"));
  }

  static async open(random: () => number): Promise<Link> {
    return new Link(random, { server: await listen("server"), clients: await listen("clients") });
  }

  close(): void {
    for (const socket of Object.values(this.#ends)) socket.close();
  }

  #forward(packet: Buffer, to: Host): void {
    const { lost, duplicated, cutOff } = this.conditions;
    if (cutOff.includes(to) || this.#random() < lost) {
      this.counts.lost += 1;
      return;
    }
    this.#deliver(packet, to);
    if (this.#random() >= duplicated) return;
    this.counts.duplicated += 1;
    this.#deliver(packet, to);
  }

  #deliver(packet: Buffer, to: Host): void {
    const { delayMs, jitterMs } = this.conditions;
    this.counts.delivered += 1;
    writeChecksum(packet);
    const send = (): void => this.#ends[to].send(packet, PORT, there(to));
    if (delayMs + jitterMs === 0) send();
    else setTimeout(send, delayMs + this.#random() * jitterMs);
  }
}

async function listen(host: Host): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(PORT, here(host));
  await once(socket, "listening");
  return socket;
}

/**
 * Writes the TCP checksum (RFC 9293, section 3.1) into a packet. On a virtual cable, the kernel
 * leaves the checksum to the network hardware. But a virtual cable has no hardware.
 */
function writeChecksum(packet: Buffer): void {
  const ip = packet.subarray(8 + 14); // Skips the headers of VXLAN and Ethernet.
  const isTcp = packet.readUInt16BE(8 + 12) === 0x0800 && ip[9] === 6;
  if (!isTcp) return;
  const segment = ip.subarray(((ip[0] ?? 0) & 0x0f) * 4, ip.readUInt16BE(2));
  segment.writeUInt16BE(0, 16);
  let sum = 6 + segment.length;
  for (let i = 12; i < 20; i += 2) sum += ip.readUInt16BE(i); // Adds both addresses.
  for (let i = 0; i + 1 < segment.length; i += 2) sum += segment.readUInt16BE(i);
  if (segment.length % 2 === 1) sum += (segment.at(-1) ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  segment.writeUInt16BE(~sum & 0xffff, 16);
}
