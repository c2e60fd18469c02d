/** Calls on a run while its coordinator is being replaced. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callRun } from "../../simulator/client/runCall";
import type { RunReply, RunRequest } from "../../simulator/cluster/controlMessages";
import { CONTROL_SERVICE } from "../../simulator/cluster/controlService";
import { controlSocket } from "../../simulator/cluster/runDirectory";

const CRASH: RunRequest = { kind: "inject", fault: "crash", target: "coordinator", parameters: {} };

describe("a call on a run whose coordinator is being replaced", function () {
  this.timeout(20_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "faultline-call-"));
    writeFileSync(join(folder, "token"), "secret");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("waits for the next one, and is asked once", async () => {
    const asked: RunRequest[] = [];
    const calling = callRun({ directory: folder, socketDirectory: folder }, CRASH);
    const server = new Server();
    server.addService(CONTROL_SERVICE, {
      Connect: () => undefined,
      Call: ({ request }: ServerUnaryCall<RunRequest, RunReply>, reply: sendUnaryData<RunReply>) => {
        asked.push(request);
        reply(null, { kind: "ok", detail: { injections: [1] } });
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${controlSocket(folder)}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    try {
      assert.deepEqual(await calling, { injections: [1] });
      assert.deepEqual(asked, [CRASH]);
    } finally {
      server.forceShutdown();
    }
  });

  it("does not take a coordinator that is not there for one that was hit", async () => {
    await assert.rejects(callRun({ directory: folder, socketDirectory: folder }, CRASH), { code: "FL2008" });
  });
});
