/**
 * Stands between a watcher and a cluster and writes down what the cluster answers, for tests that have no cluster: one line for each answer, in
 * order, gzipped. Stack traces are cut to their first line, and paths of this machine are written over.
 */
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { writeFileSync } from "node:fs";

export interface RecordedAnswer {
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
}

export interface RecordingProxy {
  readonly url: string;
  readonly answers: readonly RecordedAnswer[];
  save(file: string): void;
  close(): void;
}

export async function startRecordingProxy(
  target: string,
  scrub: readonly (readonly [string, string])[],
): Promise<RecordingProxy> {
  const answers: RecordedAnswer[] = [];
  const server = createServer((incoming, outgoing) => {
    const asked = request(
      new URL(incoming.url ?? "/", target),
      { method: incoming.method, headers: { accept: "application/json" } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const bytes = Buffer.concat(chunks);
          const text = (answer.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString("utf8");
          answers.push({ path: incoming.url ?? "/", status: answer.statusCode ?? 0, body: scrubbed(text, scrub) });
          outgoing.writeHead(answer.statusCode ?? 502, { "content-type": "application/json" });
          outgoing.end(text);
        });
      },
    );
    asked.on("error", () => outgoing.destroy());
    asked.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers,
    save: (file) =>
      writeFileSync(file, gzipSync(answers.map((answer) => JSON.stringify(answer)).join("\n"), { level: 9 })),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function scrubbed(text: string, scrub: readonly (readonly [string, string])[]): unknown {
  let plain = text;
  for (const [from, to] of scrub) plain = plain.replaceAll(from, to);
  try {
    return JSON.parse(plain, (key, value: unknown) =>
      (key === "stacktrace" || key === "root-exception") && typeof value === "string" ? value.split("\n")[0] : value,
    );
  } catch {
    return plain;
  }
}
