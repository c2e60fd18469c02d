/** Flink's REST interface, as far as Faultline uses it. Every answer is checked; every error has a code and says what to do. */
import { FaultlineError } from "../graph/errors";
import { field, isObject } from "../graph/planReading";
import { type FlinkVersion, OLDEST_FLINK, isSupported, parseFlinkVersion } from "./flinkVersion";
import {
  readCheckpoints,
  readConfig,
  readExceptions,
  readJob,
  readJobs,
  readSettings,
  readTaskManagers,
  readVertex,
  type CheckpointsAnswer,
  type ClusterConfig,
  type ExceptionAnswer,
  type JobDetails,
  type JobOverview,
  type TaskManagerAnswer,
  type VertexAnswer,
} from "./restAnswers";
import { AnswerReader } from "./restReading";
import { RestTransport, type ClusterAddress, type RestAnswer } from "./restTransport";

export interface SubmitOptions {
  readonly entryClass?: string;
  readonly programArguments?: readonly string[];
  readonly parallelism?: number;
  /** Flink settings for this job alone. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Limit of the two requests that submit a jar, ms: the second is answered once the program's main method has run in the JobManager and the job
 * is planned. On a JVM that has just started, beside much other work, that was seen to take more than the 15 s of any other request.
 */
const SUBMIT_LIMIT_MS = 300_000;

export class FlinkRestClient {
  private constructor(
    private readonly transport: RestTransport,
    readonly version: FlinkVersion,
    readonly config: ClusterConfig,
  ) {}

  /**
   * Asks the address what it is.
   * @throws FaultlineError FL5001 to FL5009: not reachable, no Flink, too old, refused, cut off, too slow, not trusted
   */
  static async connect(address: ClusterAddress): Promise<FlinkRestClient> {
    const transport = new RestTransport(address);
    try {
      const answer = await transport.get("/config");
      const config = readConfigOf(answer, transport);
      const version = parseFlinkVersion(config.flinkVersion);
      if (version === undefined || !isSupported(version)) {
        throw FaultlineError.of(
          "FL5003",
          `${transport.place()} is Flink ${config.flinkVersion.slice(0, 40)}; ${OLDEST_FLINK} is the oldest that is supported.`,
          "Its plans can still be shown: save the answer of /jobs/JID/plan and open it with `faultline graph`.",
        );
      }
      return new FlinkRestClient(transport, version, config);
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  get place(): string {
    return this.transport.place();
  }

  close(): void {
    this.transport.close();
  }

  async jobs(): Promise<JobOverview[]> {
    return readJobs(await this.json("/jobs/overview"), "/jobs/overview");
  }

  /** @throws FaultlineError FL5006 when the cluster does not know the job */
  async job(id: string): Promise<JobDetails> {
    const path = `/jobs/${jobPath(id)}`;
    return readJob(await this.json(path, { job: id }), path);
  }

  async vertex(job: string, vertex: string): Promise<VertexAnswer> {
    const path = `/jobs/${jobPath(job)}/vertices/${encodeURIComponent(vertex)}`;
    return readVertex(await this.json(path, { job }), path);
  }

  async exceptions(job: string, entries = 50): Promise<ExceptionAnswer[]> {
    const path = `/jobs/${jobPath(job)}/exceptions?maxExceptions=${entries}`;
    return readExceptions(await this.json(path, { job }), path);
  }

  async checkpoints(job: string): Promise<CheckpointsAnswer> {
    const path = `/jobs/${jobPath(job)}/checkpoints`;
    return readCheckpoints(await this.json(path, { job }), path);
  }

  async taskManagers(): Promise<TaskManagerAnswer[]> {
    return readTaskManagers(await this.json("/taskmanagers"), "/taskmanagers");
  }

  async settings(): Promise<ReadonlyMap<string, string>> {
    return readSettings(await this.json("/jobmanager/config"), "/jobmanager/config");
  }

  /** Uploads and runs a jar; gives the job's id. @throws FaultlineError FL5012 */
  async submitJar(file: string, options: SubmitOptions = {}): Promise<string> {
    const uploaded = this.parse(
      await this.transport.uploadJar("/jars/upload", file, SUBMIT_LIMIT_MS),
      "/jars/upload",
      {},
    );
    const reader = new AnswerReader("/jars/upload");
    const name = reader.text(reader.object(uploaded), "filename").split("/").at(-1) ?? "";
    const path = `/jars/${encodeURIComponent(name)}/run`;
    const body = {
      ...(options.entryClass === undefined ? {} : { entryClass: options.entryClass }),
      ...(options.programArguments === undefined ? {} : { programArgsList: options.programArguments }),
      ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
      ...(options.settings === undefined ? {} : { flinkConfiguration: options.settings }),
    };
    const answer = await this.transport.send("POST", path, body, undefined, SUBMIT_LIMIT_MS);
    if (answer.status >= 400) {
      throw FaultlineError.of(
        "FL5012",
        `${this.place} did not start the job: ${errorOf(answer)}`,
        "Flink's own log says more.",
      );
    }
    const run = new AnswerReader(path);
    return run.text(run.object(this.parse(answer, path, {})), "jobid");
  }

  async cancel(job: string): Promise<void> {
    const path = `/jobs/${jobPath(job)}?mode=cancel`;
    const answer = await this.transport.send("PATCH", path);
    if (answer.status >= 400) this.refuse(answer, path, { job });
  }

  private async json(path: string, about: { readonly job?: string } = {}): Promise<unknown> {
    return this.parse(await this.transport.get(path), path, about);
  }

  private parse(answer: RestAnswer, path: string, about: { readonly job?: string }): unknown {
    if (answer.status >= 300 || answer.status < 200) this.refuse(answer, path, about);
    return parseJson(answer, path, this.transport);
  }

  private refuse(answer: RestAnswer, path: string, { job }: { readonly job?: string }): never {
    if (job !== undefined && answer.status === 404) {
      throw FaultlineError.of(
        "FL5006",
        `${this.place} does not know the job ${job}.`,
        "`faultline flink jobs URL` shows the jobs there are.",
      );
    }
    throw statusError(answer, path, this.transport);
  }
}

function jobPath(id: string): string {
  if (!/^[0-9a-f]{32}$/.test(id)) {
    throw FaultlineError.of(
      "FL5006",
      `"${id.slice(0, 80)}" is no id of a job.`,
      "It has 32 hexadecimal digits; `faultline flink jobs URL` shows it.",
    );
  }
  return id;
}

function readConfigOf(answer: RestAnswer, transport: RestTransport): ClusterConfig {
  const place = transport.place();
  if (answer.status === 401 || answer.status === 403 || answer.status === 407)
    throw statusError(answer, "/config", transport);
  const notFlink = (): FaultlineError =>
    FaultlineError.of(
      "FL5001",
      `${place} answers, but it is not Flink's REST interface.`,
      "Check the address: it is the one of Flink's own web page, http://HOST:8081.",
    );
  if (answer.status >= 500) throw statusError(answer, "/config", transport);
  if (answer.status !== 200) throw notFlink();
  const value = parseJson(answer, "/config", transport, notFlink);
  if (!isObject(value) || typeof field(value, "flink-version") !== "string") throw notFlink();
  return readConfig(value, "/config");
}

function parseJson(
  answer: RestAnswer,
  path: string,
  transport: RestTransport,
  otherwise?: () => FaultlineError,
): unknown {
  try {
    return JSON.parse(answer.text) as unknown;
  } catch {
    if (/^\s*[{[]/.test(answer.text)) {
      throw FaultlineError.of(
        "FL5005",
        `The answer of ${transport.place()} to ${path} is cut off after ${answer.text.length} characters.`,
        "Something between here and the cluster shortens answers; try again.",
      );
    }
    if (otherwise !== undefined) throw otherwise();
    throw FaultlineError.of(
      "FL5002",
      `The answer of ${transport.place()} to ${path} is not JSON.`,
      "Is there a proxy in front of the cluster?",
    );
  }
}

function statusError(answer: RestAnswer, path: string, transport: RestTransport): FaultlineError {
  const place = transport.place();
  if (answer.status === 401 || answer.status === 403 || answer.status === 407) {
    return FaultlineError.of(
      "FL5004",
      `${place} refused the request (${answer.status}).`,
      "Give the header that it wants, such as --header 'authorization: Bearer TOKEN'.",
    );
  }
  if (answer.status >= 300 && answer.status < 400) {
    return FaultlineError.of(
      "FL5004",
      `${place} sends callers elsewhere (${answer.status}), to a sign-in page perhaps.`,
      "Give the header that it wants, or the address behind the gateway.",
    );
  }
  return FaultlineError.of(
    "FL5009",
    `${place} answered ${path} with ${answer.status}: ${errorOf(answer)}`,
    "The log of the JobManager says more.",
  );
}

/** First line of what Flink says went wrong; the innermost cause of a stack trace, where it gives one. */
function errorOf(answer: RestAnswer): string {
  let said = "";
  try {
    const value = JSON.parse(answer.text) as unknown;
    const errors = isObject(value) ? field(value, "errors") : undefined;
    if (Array.isArray(errors)) said = errors.filter((one) => typeof one === "string").join("\n");
  } catch {
    said = "";
  }
  const causes = said
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("Caused by: "));
  const line =
    causes.at(-1)?.slice("Caused by: ".length) ??
    said.split("\n").find((one) => one.trim() !== "") ??
    "it did not say why";
  return `${line.slice(0, 300).replace(/[.\s]+$/, "")}.`;
}
