/**
 * Models served outside a job, for `deployment: external` in a comparison: processes of their own (`faultline serve`), which this process
 * starts again when they end, as whoever operates them would.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { COLLECTOR_FLAGS, nodeArguments, workerEnvironment } from "../cluster/workerProcesses";
import { FaultlineError } from "../graph/errors";
import type { ServiceSpec } from "../graph/jobFile";

interface ServedModel {
  readonly service: string;
  readonly model: string;
  readonly device: string;
  readonly loadDelayMs: number;
  address: string;
  child: ChildProcess;
}

export class ServedModels {
  private readonly served: ServedModel[] = [];
  private closed = false;
  /** Every load that came to its end, the first ones included. `readyAt`: ms since the epoch. */
  readonly loads: { readonly readyAt: number; readonly tookMs: number }[] = [];
  private readonly begunAt: number[] = [];

  /** As many processes for each service as it has instances. @throws FaultlineError FL3008 when one does not come up, FL1015 for one of code */
  static async start(services: readonly ServiceSpec[]): Promise<ServedModels> {
    const code = services.find((service) => service.function !== undefined);
    if (code !== undefined) {
      throw FaultlineError.of("FL1015", `The service "${code.id}" runs code, which only runs inside a job.`, "Leave external out: --deployments embedded,sidecar,rpc-service.", { element: `services.${code.id}.function` });
    }
    const models = new ServedModels();
    try {
      await Promise.all(services.flatMap((service) => Array.from({ length: service.parallelism }, () => models.serve(service))));
    } catch (error) {
      models.close();
      throw error;
    }
    return models;
  }

  loadsBegunSince(time: number): number {
    return this.begunAt.filter((at) => at >= time).length;
  }

  addressesOf(service: string): readonly string[] {
    return this.served.filter((one) => one.service === service).map(({ address }) => address);
  }

  /** Signals the n-th process of a service. */
  signal(service: string, index: number, signal: NodeJS.Signals): void {
    this.served.filter((one) => one.service === service)[index]?.child.kill(signal);
  }

  close(): void {
    this.closed = true;
    for (const { child } of this.served) child.kill("SIGKILL");
  }

  private async serve({ id, model, device, loadDelayMs }: ServiceSpec): Promise<void> {
    const { child, address } = await this.spawn(id, model, device, loadDelayMs, undefined);
    const served: ServedModel = { service: id, model, device, loadDelayMs, address, child };
    this.served.push(served);
    this.watch(served);
  }

  private watch(served: ServedModel): void {
    served.child.once("exit", () => {
      if (this.closed) return;
      const port = served.address.slice(served.address.lastIndexOf(":") + 1);
      this.spawn(served.service, served.model, served.device, served.loadDelayMs, port).then(
        ({ child }) => {
          served.child = child;
          this.watch(served);
        },
        () => undefined,
      );
    });
  }

  /** The stated delay of a load comes before the process: it answers nothing meanwhile. */
  private async spawn(name: string, model: string, device: string, delayMs: number, port: string | undefined): Promise<{ child: ChildProcess; address: string }> {
    const begunAt = Date.now();
    this.begunAt.push(begunAt);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const args = ["serve", model, "--name", name, "--device", device, "--format", "json", "--no-token", "--with-parent", ...(port === undefined ? [] : ["--port", port])];
    const child = spawn(process.execPath, [...COLLECTOR_FLAGS, ...nodeArguments(), commandLine(), ...args], { stdio: ["ignore", "pipe", "pipe"], env: workerEnvironment() });
    if (this.closed) child.kill("SIGKILL");
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
    return new Promise((resolve, reject) => {
      const lines = createInterface({ input: child.stdout });
      lines.once("line", (line) => {
        this.loads.push({ readyAt: Date.now(), tookMs: Date.now() - begunAt });
        resolve({ child, address: (JSON.parse(line) as { address: string }).address });
      });
      child.once("exit", () => reject(FaultlineError.of("FL3008", `A model of "${name}" could not be served: ${said.trim()}`)));
    });
  }
}

/** Built: `dist/cli.js` beside this bundle. From source: the command line's entry. */
function commandLine(): string {
  const built = join(__dirname, "cli.js");
  return existsSync(built) ? built : join(__dirname, "..", "cli", "main.ts");
}
