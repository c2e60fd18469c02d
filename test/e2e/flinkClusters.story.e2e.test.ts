/**
 * Flink clusters in the editor: added by their address, with headers and certificates, unfolded down to vertices, watched as runs, lost and found
 * again, and refused with a sentence where something else answers. The clusters are servers that answer as recorded ones did.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json, madeUpJob, readRecording, recordings, replay, serve, type TestServer } from "../fixtures/flinkAnswers";
import { selfSignedCertificate } from "../fixtures/selfSignedCertificate";
import { extensionVsix } from "./extensionVsix";
import { until } from "./harness/condition";
import type { TreeView } from "./harness/treeView";
import { VscodeServer } from "./harness/vscodeServer";
import { Workbench } from "./harness/workbench";
import { eventsOf, newestJournal } from "./runJournal";

/** Between two pictures of the window, ms: far above what is seen, since other work may have the processor; what is seen is printed. */
const LONGEST_PAUSE_MS = 2_000;
const MEDIAN_PAUSE_MS = 250;

describe("Flink clusters in the editor", function () {
  this.timeout(180_000);
  const servers: TestServer[] = [];
  let recorded: TestServer;
  let guarded: TestServer;
  let lost: TestServer;
  let secured: TestServer;
  let large: TestServer;
  let vanishing: TestServer;
  let hasVanished = false;
  let folder: string;
  let server: VscodeServer;
  let workbench: Workbench;
  let tree: TreeView;

  const kept = async (made: Promise<TestServer>): Promise<TestServer> => {
    servers.push(await made);
    return made;
  };
  const answering = (answers: (url: string) => unknown): Parameters<typeof serve>[0] => {
    return (request, response) => {
      const body = answers(request.url ?? "");
      json(response, body ?? { errors: ["Not found."] }, body === undefined ? 404 : 200);
    };
  };

  before(async () => {
    const name = recordings().find((one) => one.startsWith("pointwise-2."));
    assert.ok(name !== undefined);
    recorded = await kept(replay(readRecording(name)));
    const small = answering(madeUpJob(2, 2));
    lost = await kept(serve(small));
    guarded = await kept(
      serve((request, response) => {
        if (request.headers.authorization === "Bearer s3cret") small(request, response);
        else json(response, { errors: ["Who are you?"] }, 401);
      }),
    );
    const certificate = selfSignedCertificate();
    secured = await kept(serve(small, certificate));
    large = await kept(serve(answering(madeUpJob(5, 1_000))));
    vanishing = await kept(
      serve((request, response) => {
        if (hasVanished && request.url?.startsWith("/jobs/0") === true) json(response, { errors: ["not found"] }, 404);
        else small(request, response);
      }),
    );
    folder = mkdtempSync(join(tmpdir(), "fl-certificates-"));
    writeFileSync(join(folder, "ca.pem"), certificate.cert);
    server = await VscodeServer.start({ vsix: [await extensionVsix()] });
    // The machine that the extension runs on has settings of its own.
    mkdirSync(join(server.root, "user", "Machine"), { recursive: true });
    writeFileSync(
      settingsFile("Machine"),
      JSON.stringify({ "faultline.flink.certificateAuthority": join(folder, "ca.pem") }),
    );
    workbench = await Workbench.open(server, {
      ready: "faultline.addFlinkCluster",
      viewport: { width: 1400, height: 1000 },
    });
    await workbench.showViewContainer("Faultline");
    // The list is virtual: what is out of sight is not there, and the runs above take the room.
    const runs = await workbench.view("Runs");
    await runs.locator(".pane-header").click();
    tree = await workbench.tree("Flink Clusters");
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") await workbench?.keepEvidence(this.currentTest.fullTitle());
  });

  after(async () => {
    const report = await server?.dispose();
    for (const one of servers) await one.close();
    rmSync(folder, { recursive: true, force: true });
    assert.deepEqual(report?.leftovers ?? [], []);
  });

  function settingsFile(scope: string): string {
    return join(server.root, "user", scope, "settings.json");
  }

  async function add(url: string): Promise<void> {
    await workbench.runCommand("faultline.addFlinkCluster");
    await workbench.quickInput.shown("Add Flink Cluster");
    await workbench.quickInput.type(url);
    await tree.item(url).waitFor();
  }

  async function remove(url: string): Promise<void> {
    await tree.contextMenu(url, "Remove Flink Cluster…");
    await tree.item(url).waitFor({ state: "detached" });
  }

  it("are added by their address, and unfold to jobs and vertices", async () => {
    await add(recorded.url);
    await tree.expand(recorded.url, "Pointwise");
    await tree.item("Source: Sequence Source -> numbers").waitFor();
    await until("its version to be said", async () => (await tree.description(recorded.url)).startsWith("Flink 2."));
    assert.match(await tree.description("Pointwise"), /^RUNNING, /);
    const labels = await tree.labels();
    assert.ok(labels.includes("worker"), labels.join(" | "));
    assert.match(await tree.description("worker"), /^\d of 2 subtasks run$/);
    await workbench.screenshot("flink-clusters");
  });

  it("a job is watched as a run: graph, regions, and what restarted against what was predicted", async () => {
    await tree.select("Pointwise");
    await until(
      "the recorded failover in the journal of a run",
      () => eventsOf(newestJournal(server).events, "failover.compared").length > 0,
      { limitMs: 90_000 },
    );
    const { events } = newestJournal(server);
    const [started] = eventsOf(events, "run.started");
    assert.deepEqual([started?.run.engine, started?.graph.regions.length], ["flink", 2]);
    assert.ok(eventsOf(events, "failover.compared").every(({ agrees }) => agrees));
    await workbench.page
      .locator(".tab", { hasText: /^Graph: Pointwise/ })
      .first()
      .waitFor();
    await workbench.screenshot("flink-job-graph");
    await tree.collapse(recorded.url);
  });

  it("one that refuses callers is let in by a header, which is kept in the secret storage and not in the settings", async () => {
    await add(guarded.url);
    await tree.expand(guarded.url);
    const refused = workbench.page.locator("[role=treeitem]", { hasText: "refused the request (401)" });
    await refused.waitFor();
    await tree.contextMenu(guarded.url, "Set Header for Flink Cluster…");
    await workbench.quickInput.shown("Header for");
    await workbench.quickInput.type("authorization: Bearer s3cret");
    await tree.item("made up").waitFor();
    await refused.waitFor({ state: "detached" });
    const written = ["User", "Machine"]
      .map((scope) => settingsFile(scope))
      .filter(existsSync)
      .map((file) => readFileSync(file, "utf8"));
    assert.ok(
      written.some((text) => text.includes(guarded.url)),
      "the address is in the settings",
    );
    assert.ok(
      written.every((text) => !text.includes("s3cret")),
      "the token is not",
    );
    await remove(guarded.url);
  });

  it("one with a certificate of its own is trusted by the authority in the settings", async () => {
    await add(secured.url);
    await tree.expand(secured.url);
    await tree.item("made up").waitFor();
    await until("its version to be said", async () => (await tree.description(secured.url)) === "Flink 2.3.0");
    await remove(secured.url);
  });

  it("one that is lost says so, and is found again by itself", async () => {
    await add(lost.url);
    await tree.expand(lost.url);
    await tree.item("made up").waitFor();
    await lost.close();
    await until("the cluster to be said lost", async () => (await tree.description(lost.url)) === "cannot be reached");
    await workbench.page.locator("[role=treeitem]", { hasText: "nothing listens there" }).waitFor();
    await lost.open();
    await until("the cluster to be found again", async () => (await tree.description(lost.url)) === "Flink 2.3.0");
    await remove(lost.url);
  });

  it("what is no cluster, too old or cut off is said in a sentence", async () => {
    const page = await kept(
      serve((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>")),
    );
    const old = await kept(
      serve((_, response) => json(response, { "refresh-interval": 500, "flink-version": "1.17.2" })),
    );
    const cut = await kept(
      serve((_, response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
        response.write('{"refresh-interval": 500,');
        response.destroy();
      }),
    );
    const nobody = await serve(() => undefined);
    await nobody.close();
    for (const [url, sentence] of [
      [page.url, "is not Flink's REST interface"],
      [old.url, "1.20 is the oldest that is supported"],
      [cut.url, /is cut off|connection was closed/],
      [nobody.url, "nothing listens there"],
    ] as const) {
      await add(url);
      await tree.expand(url);
      await workbench.page.locator("[role=treeitem]", { hasText: sentence }).first().waitFor();
      await remove(url);
    }
    await workbench.runCommand("faultline.addFlinkCluster");
    await workbench.quickInput.filter("host without a scheme");
    await until("the box to refuse it", async () =>
      /Write http:/.test((await workbench.quickInput.message.textContent()) ?? ""),
    );
    await workbench.quickInput.cancel();
  });

  it("a job that vanishes ends its run, and says why", async () => {
    await add(vanishing.url);
    await tree.expand(vanishing.url);
    await tree.select("made up");
    await until("the job to be followed", () => {
      const { events } = newestJournal(server);
      return eventsOf(events, "run.started")[0]?.run.job === "made up" && eventsOf(events, "task.state").length > 0;
    });
    hasVanished = true;
    await until("the run to end", () => {
      const [ended] = eventsOf(newestJournal(server).events, "run.ended");
      return ended?.state === "SUSPENDED" && ended.cause?.code === "FL5006";
    });
    await remove(vanishing.url);
  });

  it("stays quick while a job of 5,000 subtasks is watched", async () => {
    await add(large.url);
    await tree.expand(large.url);
    await tree.select("made up");
    await until(
      "every subtask to be known",
      () => new Set(eventsOf(newestJournal(server).events, "task.state").map(({ task }) => task)).size === 5_000,
      { limitMs: 60_000 },
    );
    const gaps = await workbench.page.evaluate(
      (durationMs) =>
        new Promise<number[]>((resolve) => {
          const found: number[] = [];
          const startedAt = performance.now();
          let before = startedAt;
          const look = (now: number): void => {
            found.push(now - before);
            before = now;
            if (now - startedAt < durationMs) requestAnimationFrame(look);
            else resolve(found);
          };
          requestAnimationFrame(look);
        }),
      5_000,
    );
    // A command of the extension goes through the same process as the answers of the cluster.
    const startedAt = performance.now();
    await tree.expand(recorded.url);
    await tree.collapse(recorded.url);
    const answeredMs = performance.now() - startedAt;
    gaps.sort((a, b) => a - b);
    const median = gaps[Math.floor(gaps.length / 2)] ?? 0;
    const longest = gaps.at(-1) ?? 0;
    process.stdout.write(
      `      5,000 subtasks: between two pictures of the window ${median.toFixed(0)} ms in the median, ${longest.toFixed(0)} ms at most; folding a tree ${answeredMs.toFixed(0)} ms\n`,
    );
    assert.ok(median < MEDIAN_PAUSE_MS, `${median} ms`);
    assert.ok(longest < LONGEST_PAUSE_MS, `${longest} ms`);
    await workbench.screenshot("flink-5000-subtasks");
  });
});
