/**
 * One request to a Flink cluster's REST interface: over HTTP or HTTPS, with a time limit, a size limit and answers that are whole, or an
 * error that says what was wrong.
 */
import { createReadStream, statSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { basename } from "node:path";
import { createGunzip } from "node:zlib";
import { FaultlineError } from "../graph/errors";

/** Where a cluster is, and what it wants to see of callers. */
export interface ClusterAddress {
  /** `http://HOST:8081`, or with a path where a gateway stands in front. */
  readonly url: string;
  /** Sent with every request, `authorization` for example. Never part of messages. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: {
    /** PEM of the certificate authority that the cluster's certificate is signed by, where the system does not know it. */
    readonly ca?: string;
    /** PEM of the caller's own certificate and key, where the cluster asks for them. */
    readonly cert?: string;
    readonly key?: string;
  };
  /** Limit of one request, ms. Default 15,000. */
  readonly timeoutMs?: number;
  /** Largest answer, bytes. Default 64 MiB. */
  readonly maxBytes?: number;
}

export const DEFAULT_TIMEOUT_MS = 15_000;
/** A vertex of 5,000 subtasks takes about 4 MB. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

const CERTIFICATE_ERRORS =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*|CERT_.*|ERR_TLS_.*|HOSTNAME_MISMATCH|EPROTO|ERR_SSL_.*)$/;

export interface RestAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

export class RestTransport {
  readonly base: URL;
  private readonly agent: HttpAgent;

  /** @throws FaultlineError FL5001 for a URL that is none */
  constructor(private readonly address: ClusterAddress) {
    this.base = parseClusterUrl(address.url);
    const settings = { keepAlive: true, maxSockets: 8, ...(address.tls ?? {}) };
    this.agent = this.base.protocol === "https:" ? new HttpsAgent(settings) : new HttpAgent(settings);
  }

  get(path: string, signal?: AbortSignal): Promise<RestAnswer> {
    return this.send("GET", path, undefined, signal);
  }

  send(
    method: "GET" | "POST" | "PATCH" | "DELETE",
    path: string,
    body?: unknown,
    signal?: AbortSignal,
    limitMs?: number,
  ): Promise<RestAnswer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return this.request(
      method,
      path,
      text === undefined
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) },
      (request) => request.end(text),
      signal,
      limitMs,
    );
  }

  /** `multipart/form-data` with one file in the field `jarfile`, as `POST /jars/upload` wants it. @throws FaultlineError FL1001 */
  uploadJar(path: string, file: string, limitMs?: number): Promise<RestAnswer> {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile() !== true)
      throw FaultlineError.of("FL1001", "The jar does not exist.", "Check the path.", { file });
    const boundary = `faultline-${randomBytes(12).toString("hex")}`;
    const name = basename(file).replace(/["\\\r\n]/g, "_");
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="jarfile"; filename="${name}"\r\ncontent-type: application/x-java-archive\r\n\r\n`;
    const tail = `\r\n--${boundary}--\r\n`;
    const headers = {
      "content-type": `multipart/form-data; boundary=${boundary}`,
      "content-length": String(Buffer.byteLength(head) + found.size + Buffer.byteLength(tail)),
    };
    return this.request(
      "POST",
      path,
      headers,
      (request) => {
        request.write(head);
        const jar = createReadStream(file);
        jar.on("error", (error) => request.destroy(error));
        jar.on("end", () => request.end(tail));
        jar.pipe(request, { end: false });
      },
      undefined,
      limitMs,
    );
  }

  close(): void {
    this.agent.destroy();
  }

  private request(
    method: string,
    path: string,
    headers: Record<string, string>,
    write: (request: ClientRequest) => void,
    signal?: AbortSignal,
    limit?: number,
  ): Promise<RestAnswer> {
    const { address } = this;
    const limitMs = limit ?? address.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const target = new URL(this.base.pathname.replace(/\/$/, "") + path, this.base);
    const send = target.protocol === "https:" ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = send(target, {
        method,
        agent: this.agent,
        headers: { accept: "application/json", "accept-encoding": "gzip", ...address.headers, ...headers },
        signal,
      });
      const timer = setTimeout(() => request.destroy(this.tooSlow(limitMs)), limitMs);
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- an AbortError stays what it is
        reject(this.explain(error));
      };
      request.once("error", fail);
      request.once("response", (response) => {
        this.read(response, path).then((answer) => {
          clearTimeout(timer);
          resolve(answer);
        }, fail);
      });
      write(request);
    });
  }

  private read(response: IncomingMessage, path: string): Promise<RestAnswer> {
    const limit = this.address.maxBytes ?? MAX_ANSWER_BYTES;
    const zipped = response.headers["content-encoding"] === "gzip";
    const stream = zipped ? response.pipe(createGunzip()) : response;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const cutOff = (): void =>
        reject(
          FaultlineError.of(
            "FL5005",
            `The answer of ${this.place()} to ${path} is cut off after ${size} bytes.`,
            "Something between here and the cluster ends connections too early; try again.",
          ),
        );
      stream.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > limit) {
          reject(
            FaultlineError.of(
              "FL1004",
              `The answer of ${this.place()} to ${path} is longer than ${limit} bytes; that is the limit.`,
            ),
          );
          response.destroy();
        } else chunks.push(chunk);
      });
      stream.once("end", () => {
        if (!response.complete) cutOff();
        else {
          resolve({
            status: response.statusCode ?? 0,
            contentType: String(response.headers["content-type"] ?? ""),
            text: Buffer.concat(chunks).toString("utf8"),
          });
        }
      });
      response.once("aborted", cutOff);
      response.once("error", cutOff);
      if (zipped) stream.once("error", cutOff);
    });
  }

  /** For messages: without user, password and query. */
  place(): string {
    return `${this.base.protocol}//${this.base.host}${this.base.pathname.replace(/\/$/, "")}`;
  }

  private tooSlow(limitMs: number): FaultlineError {
    return FaultlineError.of(
      "FL5007",
      `${this.place()} did not answer within ${limitMs / 1000} s.`,
      "The cluster may be busy, or the port belongs to something that does not speak HTTP.",
    );
  }

  private explain(error: unknown): unknown {
    if (error instanceof FaultlineError) return error;
    const { code, name, message } = error as NodeJS.ErrnoException;
    if (name === "AbortError") return error;
    if (code !== undefined && CERTIFICATE_ERRORS.test(code)) {
      const plain = code === "EPROTO" || code === "ERR_SSL_WRONG_VERSION_NUMBER";
      return FaultlineError.of(
        "FL5008",
        plain ? `${this.place()} does not speak TLS.` : `The certificate of ${this.place()} is not trusted (${code}).`,
        plain ? "Try http:// in place of https://." : "Name the certificate authority that signed it.",
        undefined,
        error,
      );
    }
    const why =
      code === "ECONNREFUSED"
        ? "nothing listens there"
        : code === "ENOTFOUND" || code === "EAI_AGAIN"
          ? "the name is not known"
          : code === "ECONNRESET" || code === "EPIPE"
            ? "the connection was closed"
            : (code ?? message);
    return FaultlineError.of(
      "FL5001",
      `${this.place()} cannot be reached: ${why}.`,
      "Check the address; Flink's REST interface listens on port 8081 unless told otherwise.",
      undefined,
      error,
    );
  }
}

/** @throws FaultlineError FL5001 */
export function parseClusterUrl(text: string): URL {
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  let url: URL | undefined;
  try {
    url = new URL(written);
  } catch {
    url = undefined;
  }
  if (url === undefined || url.hostname === "" || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw FaultlineError.of("FL5001", `"${text.slice(0, 200)}" is no address of a cluster.`, "Write http://HOST:8081.");
  }
  url.hash = "";
  url.search = "";
  return url;
}
