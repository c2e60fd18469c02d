/** Faults of links on real sockets: what arrives at the other end, piece by piece, with sizes and times. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { LinkRelay } from "../../simulator/cluster/links/linkRelay";
import type { LinkRule } from "../../simulator/cluster/links/linkShaper";

interface Piece {
  readonly atMs: number;
  readonly bytes: number;
}

describe("faults on a socket", function () {
  this.timeout(20_000);
  let server: Server;
  let relay: LinkRelay;
  let client: Socket;
  let far: Socket;
  let out: LinkRule[];
  let back: LinkRule[];

  beforeEach(async () => {
    [out, back] = [[], []];
    server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    relay = await LinkRelay.open({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" }, { out: () => out, in: () => back });
    const connected = once(server, "connection") as Promise<[Socket]>;
    const [host, port] = relay.address.split(":");
    client = connect({ host, port: Number(port), noDelay: true });
    [[far]] = await Promise.all([connected, once(client, "connect")]);
  });
  afterEach(() => {
    client.destroy();
    far.destroy();
    relay.close();
    server.close();
  });

  const rule = (fault: string, parameters: LinkRule["parameters"], told: string[] = []): LinkRule => ({ fault, parameters: { probability: 1, ...parameters }, seen: (evidence) => told.push(evidence), onReset: () => undefined });

  /** Sends, and waits until so many bytes have come out at the other end. */
  async function through(from: Socket, to: Socket, bytes: number): Promise<{ readonly pieces: readonly Piece[]; readonly tookMs: number }> {
    const startedMs = performance.now();
    const pieces: Piece[] = [];
    const all = new Promise<void>((resolve) => {
      let left = bytes;
      const onData = (chunk: Buffer): void => {
        pieces.push({ atMs: performance.now() - startedMs, bytes: chunk.length });
        left -= chunk.length;
        if (left > 0) return;
        to.off("data", onData);
        resolve();
      };
      to.on("data", onData);
    });
    from.write(Buffer.alloc(bytes, 7));
    await all;
    return { pieces, tookMs: performance.now() - startedMs };
  }

  it("latency: nothing comes before the delay, in the direction that is hit alone, and healed it is as quick as before", async () => {
    out = [rule("latency", { delay: 200, jitter: 0 })];
    const hit = await through(client, far, 4_000);
    assert.ok((hit.pieces[0]?.atMs ?? 0) >= 195, `${hit.pieces[0]?.atMs} ms`);
    assert.ok((await through(far, client, 4_000)).tookMs < 150, "the other direction");
    out = [];
    relay.rulesChanged();
    assert.ok((await through(client, far, 4_000)).tookMs < 150, "healed");
  });

  it("latency with a jitter: delays differ, within it, and nothing overtakes", async () => {
    out = [rule("latency", { delay: 60, jitter: 50 })];
    const times: number[] = [];
    for (let turn = 0; turn < 12; turn++) times.push((await through(client, far, 10)).tookMs);
    assert.ok(Math.min(...times) >= 9 && Math.max(...times) < 300, times.join(" "));
    assert.ok(Math.max(...times) - Math.min(...times) > 10, times.join(" "));
  });

  it("bandwidth: 10,000 bytes at 20,000 a second take half a second, evenly; healed, what waits comes at once", async () => {
    back = [rule("bandwidth", { rate: 20_000 })];
    const { pieces, tookMs } = await through(far, client, 10_000);
    assert.ok(tookMs > 450 && tookMs < 900, `${tookMs} ms`);
    const firstHalf = pieces.filter(({ atMs }) => atMs < tookMs / 2).reduce((sum, { bytes }) => sum + bytes, 0);
    assert.ok(firstHalf > 3_000 && firstHalf < 7_000, `${firstHalf} bytes in the first half of the time`);
    const slow = through(far, client, 20_000);
    await once(client, "data");
    back = [];
    relay.rulesChanged();
    assert.ok((await slow).tookMs < 800, "a whole second without the healing");
  });

  it("slicing: pieces of the size that was asked for, with the pause between them", async () => {
    out = [rule("slicing", { size: 50, pause: 20 })];
    const { pieces, tookMs } = await through(client, far, 1_000);
    assert.ok(tookMs >= 19 * 18, `${tookMs} ms`);
    // A reader that comes late finds two of them at once; most come alone.
    assert.ok(pieces.length >= 14 && pieces.length <= 20, `${pieces.length} pieces`);
    assert.ok(pieces.filter(({ bytes }) => bytes === 50).length >= 10, pieces.map(({ bytes }) => bytes).join(" "));
    out = [];
    relay.rulesChanged();
    assert.ok((await through(client, far, 1_000)).pieces.length < 5, "whole again");
  });

  it("black hole: nothing arrives until it is healed, then all of it and in order", async () => {
    out = [rule("black-hole", {})];
    const swallowed = through(client, far, 5_000);
    const timeout = Symbol("nothing");
    assert.equal(await Promise.race([swallowed, new Promise((resolve) => setTimeout(() => resolve(timeout), 200))]), timeout);
    out = [];
    relay.rulesChanged();
    assert.ok((await swallowed).tookMs >= 195);
  });

  it("probability: with none nothing is hit; of many pieces about as many as it says", async () => {
    const told: string[] = [];
    out = [rule("latency", { delay: 400, jitter: 0, probability: 0 }, told), rule("bandwidth", { rate: 16, probability: 0 }, told), rule("black-hole", { probability: 0 }, told)];
    assert.ok((await through(client, far, 5_000)).tookMs < 300);
    assert.deepEqual(told, []);
    out = [rule("latency", { delay: 1, jitter: 0, probability: 0.5 }, told)];
    for (let turn = 0; turn < 80; turn++) await through(client, far, 10);
    assert.ok(told.length > 15 && told.length < 65, `${told.length} of 80`);
  });

  it("a black hole with a probability: once a piece is in, what follows cannot overtake it", async () => {
    const told: string[] = [];
    out = [rule("black-hole", { probability: 0.3 }, told)];
    let arrived = 0;
    far.on("data", (chunk: Buffer) => (arrived += chunk.length));
    let sent = 0;
    while (told.length === 0) {
      const before = arrived;
      client.write(Buffer.alloc(10));
      sent += 10;
      while (told.length === 0 && arrived === before) await new Promise((resolve) => setImmediate(resolve));
    }
    client.write(Buffer.alloc(10));
    sent += 10;
    while (told.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(arrived <= sent - 20, `${arrived} of ${sent}`);
    out = [];
    relay.rulesChanged();
    while (arrived < sent) await once(far, "data");
  });

  it("reset: both ends get it, as TCP says it", async () => {
    back = [{ ...rule("reset", {}), onReset: () => (back = []) }];
    const errors = [client, far].map((socket) => new Promise<string>((resolve) => socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""))));
    far.write(Buffer.alloc(4_000));
    assert.deepEqual(await Promise.all(errors), ["ECONNRESET", "ECONNRESET"]);
  });
});
