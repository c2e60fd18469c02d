import { strict as assert } from "node:assert";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FaultlineError } from "../../simulator/graph/errors";
import type { JournalEvent, JournalEventBody } from "../../simulator/observe/journalEvent";
import { MAX_LINE_BYTES } from "../../simulator/observe/journalLine";
import { followJournal, readJournal } from "../../simulator/observe/journalReader";
import { JournalWriter } from "../../simulator/observe/journalWriter";

const started: JournalEventBody = {
  kind: "run.started",
  schema: 1,
  run: {
    id: "r1",
    job: "job",
    jobFile: "/job.faultline.json",
    directory: "/run",
    engine: "local",
    deployment: "rpc-service",
    failoverStrategy: "region",
    scheduler: "default",
    machine: { cores: 2, memoryBytes: 1, platform: "linux", node: "20" },
  },
  graph: { name: "job", vertices: [], edges: [], regions: [], calls: [], origin: { form: "job-file", notes: [] } },
};
const log = (message: string): JournalEventBody => ({ kind: "log", process: "coordinator", level: "info", message });
const ended: JournalEventBody = { kind: "run.ended", state: "FINISHED" };

async function all(events: AsyncIterable<JournalEvent>): Promise<JournalEvent[]> {
  const list: JournalEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}
const failsWith =
  (code: string, message?: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof FaultlineError, String(error));
    assert.equal(error.code, code);
    if (message !== undefined) assert.match(error.message, message);
    assert.ok(error.hint);
    return true;
  };

describe("journal on disk", () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = fs.mkdtempSync(join(tmpdir(), "faultline-journal-"));
    file = join(directory, "journal.ndjson");
  });
  afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

  async function write(...bodies: JournalEventBody[]): Promise<void> {
    const writer = await JournalWriter.open(directory);
    for (const body of bodies) writer.append(body);
    await writer.close();
  }

  describe("writer", () => {
    it("gives dense seq and the time, and writes in order", async () => {
      const writer = await JournalWriter.open(directory);
      const before = Date.now() - 1;
      writer.append(started);
      const second = writer.append(log("later"), 1234.5678912);
      assert.equal(second.seq, 1);
      assert.equal(second.at, 1234.568);
      await writer.flush();
      for (let index = 0; index < 5000; index++) writer.append(log(`n${index}`));
      await writer.close();
      const events = await all(readJournal(file));
      assert.equal(events.length, 5002);
      events.forEach((event, index) => assert.equal(event.seq, index));
      assert.ok(events[0].at >= before && events[0].at <= Date.now() + 1);
    });

    it("reaches the file without a flush", async () => {
      const writer = await JournalWriter.open(directory);
      const reader = followJournal(file);
      writer.append(started);
      assert.equal((await reader.next()).value?.kind, "run.started");
      await reader.return();
      await writer.close();
    });

    it("stays bounded when the event loop never turns, and keeps the order with a write in flight", async () => {
      const writer = await JournalWriter.open(directory, { maxPending: 10_000 });
      writer.append(started);
      const flushed = writer.flush(); // a write is now in flight
      for (let index = 0; index < 20_000; index++) writer.append(log(`${index}`));
      assert.ok(fs.statSync(file).size > 1_000_000, "nothing was written before the event loop turned");
      await flushed;
      await writer.close();
      const events = await all(readJournal(file));
      assert.equal(events.length, 20_001);
      assert.equal((events[20_000] as { message?: string }).message, "19999");
    });

    it("refuses to write over a journal", async () => {
      await write(started);
      await assert.rejects(JournalWriter.open(directory), failsWith("FL2001", /another journal/));
    });

    it("says when the folder is missing", async () => {
      await assert.rejects(JournalWriter.open(join(directory, "none")), failsWith("FL2001", /does not exist/));
    });

    it("surfaces a full disk once, and goes on counting", async function () {
      if (!fs.existsSync("/dev/full")) assert.fail("this test needs /dev/full, a device that is always full");
      fs.symlinkSync("/dev/full", file);
      const errors: FaultlineError[] = [];
      const writer = await JournalWriter.open(directory, { recover: true, onError: (error) => errors.push(error) });
      writer.append(started);
      const failure = await writer.failure;
      failsWith("FL2001", /disk is full/)(failure);
      assert.equal(writer.append(log("into the void")).seq, 1);
      assert.equal(writer.dropped, 1);
      await assert.rejects(writer.flush(), failsWith("FL2001"));
      await assert.rejects(writer.close(), failsWith("FL2001"));
      assert.equal(errors.length, 1);
    });

    it("refuses an event over the limit of a line and goes on", async () => {
      const writer = await JournalWriter.open(directory);
      writer.append(started);
      assert.throws(() => writer.append(log("x".repeat(MAX_LINE_BYTES))), failsWith("FL1004", /16777216/));
      assert.throws(() => writer.append(log("é".repeat(MAX_LINE_BYTES / 2 - 10))), failsWith("FL1004"));
      writer.append(ended);
      await writer.close();
      assert.equal((await all(readJournal(file))).length, 2);
    });
  });

  describe("writer after a crash", () => {
    const tails: [string, string, number][] = [
      ["nothing torn", "", 2],
      ["half a line", '{"seq":2,"at":1,"ki', 2],
      ["a line without its line feed", '{"seq":2,"at":1,"kind":"log"}', 3],
      ["zeros, as after a power loss", "\0".repeat(5000), 2],
      ["lines of rubbish", "\0\0\n{\n", 2],
    ];
    for (const [name, tail, next] of tails) {
      it(`goes on after ${name}`, async () => {
        await write(started, log("one"));
        fs.appendFileSync(file, tail);
        const writer = await JournalWriter.open(directory, { recover: true });
        assert.equal(writer.nextSeq, next);
        assert.equal(writer.recovered.truncatedBytes, next === 3 ? 0 : tail.length);
        writer.append({ kind: "coordinator.recovered", pid: 1 });
        await writer.close();
        const events = await all(readJournal(file));
        assert.equal(events.length, next + 1);
        assert.equal(events.at(-1)!.kind, "coordinator.recovered");
      });
    }

    it("finds the last good line behind a tail of several blocks", async () => {
      await write(started, log("x".repeat(500_000)));
      fs.appendFileSync(file, "y".repeat(300_000));
      const writer = await JournalWriter.open(directory, { recover: true });
      assert.equal(writer.nextSeq, 2);
      await writer.close();
    });

    it("begins a journal where there is none or an empty one", async () => {
      const writer = await JournalWriter.open(directory, { recover: true });
      assert.equal(writer.recovered.lastSeq, -1);
      await writer.close();
      const again = await JournalWriter.open(directory, { recover: true });
      assert.equal(again.nextSeq, 0);
      await again.close();
    });

    it("refuses what is not a journal", async () => {
      fs.writeFileSync(file, "hello\nworld\n");
      await assert.rejects(JournalWriter.open(directory, { recover: true }), failsWith("FL2011"));
    });
  });

  describe("reader", () => {
    it("leaves out a torn last line, keeps one that only lacks its line feed", async () => {
      await write(started, log("one"));
      fs.appendFileSync(file, '{"seq":2,"at":1,"kind":"log","mess');
      assert.equal((await all(readJournal(file))).length, 2);
      fs.appendFileSync(file, 'age":"x"}');
      assert.equal((await all(readJournal(file))).length, 3);
    });

    it("names the line that is damaged", async () => {
      await write(started, log("one"), log("two"), log("three"));
      const lines = fs.readFileSync(file, "utf8").split("\n");
      lines[2] = "{]";
      fs.writeFileSync(file, lines.join("\n"));
      await assert.rejects(all(readJournal(file)), failsWith("FL2011", /line 3/));
    });

    it("names the place where events are missing or come twice", async () => {
      await write(started, log("one"), log("two"), log("three"));
      const lines = fs.readFileSync(file, "utf8").split("\n");
      fs.writeFileSync(file, [lines[0], lines[1], lines[3], ""].join("\n"));
      await assert.rejects(all(readJournal(file)), failsWith("FL2011", /line 3: event 2 is missing/));
      fs.writeFileSync(file, [lines[0], lines[1], lines[1], ""].join("\n"));
      await assert.rejects(all(readJournal(file)), failsWith("FL2011", /event 1 is there twice/));
    });

    it("keeps kinds that it does not know", async () => {
      await write(started);
      fs.appendFileSync(file, '{"seq":1,"at":1,"kind":"of.tomorrow","x":1}\n');
      assert.deepEqual((await all(readJournal(file)))[1], { seq: 1, at: 1, kind: "of.tomorrow", x: 1 });
    });

    it("refuses a schema from the future, and a file that does not begin with run.started", async () => {
      await write({ ...started, schema: 99 });
      await assert.rejects(all(readJournal(file)), failsWith("FL1003", /schema 99/));
      fs.writeFileSync(file, '{"seq":0,"at":1,"kind":"log"}\n');
      await assert.rejects(all(readJournal(file)), failsWith("FL2011", /run.started/));
    });

    it("states the limit of a line", async () => {
      await write(started);
      fs.appendFileSync(file, "x".repeat(MAX_LINE_BYTES + 1));
      await assert.rejects(all(readJournal(file)), failsWith("FL1004", /16777216 bytes/));
    });

    it("reads lines longer than a block, and text of several bytes across blocks", async () => {
      const long = "日本語".repeat(600_000);
      await write(started, log(long), log("é".repeat(800_000)), log("short"));
      const events = await all(readJournal(file));
      assert.equal((events[1] as { message?: string }).message, long);
      assert.equal((events[3] as { message?: string }).message, "short");
    });

    it("says why a file cannot be read", async () => {
      await assert.rejects(all(readJournal(file)), failsWith("FL1001", /does not exist/));
      await assert.rejects(all(readJournal(directory)), failsWith("FL1001", /a folder/));
    });

    it("takes an empty file for an empty journal", async () => {
      fs.writeFileSync(file, "");
      assert.deepEqual(await all(readJournal(file)), []);
    });
  });

  describe("follower", () => {
    it("yields what is there, then what comes, and ends with the run", async () => {
      const writer = await JournalWriter.open(directory);
      writer.append(started);
      await writer.flush();
      const events: JournalEvent[] = [];
      for await (const event of followJournal(file, { pollMs: 60_000 })) {
        events.push(event);
        // Each event answers the one before: proves that new ones arrive while following, by notice and not by the poll.
        if (events.length < 200) writer.append(log(`${events.length}`));
        else if (events.length === 200) writer.append(ended);
      }
      await writer.close();
      assert.equal(events.length, 201);
      assert.equal(events.at(-1)!.kind, "run.ended");
    });

    it("finds new events by the poll alone", async () => {
      // A name that the watcher does not get notices for: the file is a link into another folder.
      const elsewhere = fs.mkdtempSync(join(tmpdir(), "faultline-elsewhere-"));
      try {
        const writer = await JournalWriter.open(elsewhere);
        writer.append(started);
        await writer.flush();
        fs.symlinkSync(writer.file, file);
        const reader = followJournal(file, { pollMs: 5 });
        assert.equal((await reader.next()).value?.kind, "run.started");
        const next = reader.next();
        writer.append(ended);
        assert.equal((await next).value?.kind, "run.ended");
        assert.equal((await reader.next()).done, true);
        await writer.close();
      } finally {
        fs.rmSync(elsewhere, { recursive: true, force: true });
      }
    });

    it("waits for a journal that is not there yet", async () => {
      const reader = followJournal(file);
      const first = reader.next();
      await write(started, ended);
      assert.equal((await first).value?.kind, "run.started");
      assert.equal((await reader.next()).value?.kind, "run.ended");
      assert.equal((await reader.next()).done, true);
      await assert.rejects(followJournal(join(directory, "no", "journal.ndjson")).next(), failsWith("FL1001"));
    });

    it("ends when the signal aborts, at once", async () => {
      await write(started);
      const abort = new AbortController();
      const reader = followJournal(file, { signal: abort.signal, pollMs: 60_000 });
      assert.equal((await reader.next()).value?.kind, "run.started");
      const waiting = reader.next();
      const aborted = once(abort.signal, "abort");
      abort.abort();
      await aborted;
      assert.equal((await waiting).done, true);
    });

    it("goes on over a crash: the torn tail is replaced by what the next coordinator writes", async () => {
      await write(started, log("one"));
      fs.appendFileSync(file, '{"seq":2,"at":1,"kind":"log","message":"never fini');
      const reader = followJournal(file, { pollMs: 5 });
      assert.equal((await reader.next()).value?.kind, "run.started");
      assert.equal((await reader.next()).value?.seq, 1);
      const next = reader.next();
      const writer = await JournalWriter.open(directory, { recover: true });
      writer.append({ kind: "coordinator.recovered", pid: 1 });
      writer.append(ended);
      await writer.close();
      assert.equal((await next).value?.kind, "coordinator.recovered");
      assert.equal((await reader.next()).value?.kind, "run.ended");
      assert.equal((await reader.next()).done, true);
    });
  });
});
