import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { FlinkRestClient } from "../../simulator/flink/restClient";
import { FaultlineError } from "../../simulator/graph/errors";
import { json, madeUpJob, serve, type TestServer } from "../fixtures/flinkAnswers";
import { selfSignedCertificate } from "../fixtures/selfSignedCertificate";

const CONFIG = { "refresh-interval": 500, "flink-version": "2.3.0" };
const JOB = "0123456789abcdef0123456789abcdef";

async function failure(work: Promise<unknown>): Promise<FaultlineError> {
  let result: unknown;
  await assert.rejects(work, (error) => {
    result = error;
    return error instanceof FaultlineError;
  });
  const found = result as FaultlineError;
  assert.ok(!/\n|    at /.test(found.message), "no stack trace is shown");
  return found;
}

describe("REST client of Flink", () => {
  const servers: TestServer[] = [];
  const started = async (...args: Parameters<typeof serve>): Promise<TestServer> => {
    const server = await serve(...args);
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  it("says of a wrong address what is wrong", async () => {
    for (const url of ["", "http://", "ftp://host:1", "http://host:99999"]) {
      assert.equal((await failure(FlinkRestClient.connect({ url }))).code, "FL5001", url);
    }
    const closed = await serve(() => undefined);
    await closed.close();
    const refused = await failure(FlinkRestClient.connect({ url: closed.url }));
    assert.equal(refused.code, "FL5001");
    assert.match(refused.message, /nothing listens there/);
    assert.match((await failure(FlinkRestClient.connect({ url: "https://127.0.0.1:1" }))).message, /cannot be reached/);
  });

  it("knows what is not a Flink", async () => {
    const page = await started((_, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<html>Hello</html>"),
    );
    const other = await started((_, response) => json(response, { version: "8.1" }));
    const empty = await started((_, response) => response.writeHead(404).end());
    for (const { url } of [page, other, empty]) {
      const error = await failure(FlinkRestClient.connect({ url }));
      assert.equal(error.code, "FL5001");
      assert.match(error.message, /is not Flink's REST interface/);
    }
    const plain = await started((_, response) => json(response, CONFIG));
    const error = await failure(FlinkRestClient.connect({ url: plain.url.replace("http:", "https:") }));
    assert.equal(error.code, "FL5008");
    assert.match(error.message, /does not speak TLS/);
  });

  it("refuses versions before 1.20 and takes those from it on", async () => {
    let version = "1.19.3";
    const { url } = await started((_, response) => json(response, { ...CONFIG, "flink-version": version }));
    const error = await failure(FlinkRestClient.connect({ url }));
    assert.equal(error.code, "FL5003");
    assert.match(error.message, /Flink 1\.19\.3; 1\.20 is the oldest/);
    for (version of ["1.20.5", "2.0-SNAPSHOT", "2.3.0", "3.0.0"]) {
      const client = await FlinkRestClient.connect({ url });
      assert.equal(client.version.text, version);
      client.close();
    }
  });

  it("trusts a certificate whose authority it is given, and no other: FL5008", async () => {
    const certificate = selfSignedCertificate();
    const { url } = await started((_, response) => json(response, CONFIG), certificate);
    const error = await failure(FlinkRestClient.connect({ url }));
    assert.equal(error.code, "FL5008");
    assert.match(error.message, /is not trusted/);
    const client = await FlinkRestClient.connect({ url, tls: { ca: certificate.cert } });
    assert.equal(client.version.text, "2.3.0");
    client.close();
    const other = selfSignedCertificate();
    assert.equal((await failure(FlinkRestClient.connect({ url, tls: { ca: other.cert } }))).code, "FL5008");
  });

  it("says that it was refused, and shows no header", async () => {
    const { url } = await started((request, response) =>
      request.headers.authorization === "Bearer right" ? json(response, CONFIG) : response.writeHead(401).end(),
    );
    const error = await failure(FlinkRestClient.connect({ url, headers: { authorization: "Bearer wrong-secret" } }));
    assert.equal(error.code, "FL5004");
    assert.ok(!JSON.stringify(error.problems).includes("wrong-secret"));
    const client = await FlinkRestClient.connect({ url, headers: { authorization: "Bearer right" } });
    client.close();
    const signIn = await started((_, response) => response.writeHead(302, { location: "/login" }).end());
    assert.equal((await failure(FlinkRestClient.connect({ url: signIn.url }))).code, "FL5001");
  });

  it("tells an answer that is cut off from one that is whole", async () => {
    const text = JSON.stringify({
      jobs: Array.from({ length: 50 }, () => ({ jid: JOB, name: "job", state: "RUNNING" })),
    });
    let how: "short" | "closed" = "short";
    const { url } = await started((request, response) => {
      if (request.url === "/config") return json(response, CONFIG);
      response.writeHead(
        200,
        how === "short" ? { "content-type": "application/json" } : { "content-length": text.length },
      );
      if (how === "short") response.end(text.slice(0, 500));
      else response.write(text.slice(0, 500), () => response.destroy());
    });
    const client = await FlinkRestClient.connect({ url });
    for (how of ["short", "closed"] as const) {
      const error = await failure(client.jobs());
      assert.equal(error.code, "FL5005", how);
      assert.match(error.message, /cut off after 500/);
    }
    client.close();
  });

  it("has a limit for time and one for size", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    assert.equal((await failure(FlinkRestClient.connect({ url, timeoutMs: 50 }))).code, "FL5007");
    silent.close();
    const large = await started((_, response) => response.writeHead(200).end("x".repeat(5_000)));
    const error = await failure(FlinkRestClient.connect({ url: large.url, maxBytes: 1_000 }));
    assert.equal(error.code, "FL1004");
    assert.match(error.message, /1000 bytes/);
  });

  it("says that a job is not there, and what an answer lacks", async () => {
    const { url } = await started((request, response) => {
      if (request.url === "/config") return json(response, CONFIG);
      if (request.url === "/taskmanagers") return json(response, { taskmanagers: [{ slots: 1 }] });
      return json(response, { errors: ["Job could not be found"] }, 404);
    });
    const client = await FlinkRestClient.connect({ url });
    assert.equal((await failure(client.job(JOB))).code, "FL5006");
    assert.equal((await failure(client.job("../../etc"))).code, "FL5006");
    const error = await failure(client.taskManagers());
    assert.equal(error.code, "FL5002");
    assert.match(error.message, /taskmanagers\[0\]\.id: text is expected/);
    client.close();
  });

  it("reads a job of 5,000 subtasks", async () => {
    const answers = madeUpJob(5, 1_000);
    const { url } = await started((request, response) => json(response, answers(request.url ?? "")));
    const client = await FlinkRestClient.connect({ url });
    const job = await client.job(JOB);
    const vertices = await Promise.all(job.vertices.map(({ id }) => client.vertex(JOB, id)));
    assert.equal(vertices.flatMap(({ subtasks }) => subtasks).length, 5_000);
    assert.equal(vertices[0]?.subtasks[0]?.counts?.busyMs, 0);
    client.close();
  });
});
