/** `faultline serve MODEL`: one service instance alone, on loopback, until it is stopped. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { serveModel, type ServedModel } from "../inference/serve";
import type { CommandIo, OutputFormat } from "./commandIo";
import { paintFor } from "./paint";

interface ServeCommandOptions {
  readonly format: OutputFormat;
  readonly port?: number;
  readonly device: string;
  readonly name?: string;
  readonly token: boolean;
  readonly maxBatchSize?: number;
  readonly withParent: boolean;
}

const PARENT_CHECK_MS = 500;

export function registerServeCommand(program: Command, io: CommandIo): void {
  program
    .command("serve")
    .description("serve one ONNX model over the Open Inference Protocol, on this machine alone")
    .argument("<model>", "ONNX file")
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .option("--port <port>", "port on 127.0.0.1 (any free one otherwise)", wholeNumber)
    .option("--device <device>", "auto, cpu, cuda, cuda:N, tensorrt, webgpu, directml or coreml", "auto")
    .option("--name <name>", "name of the model for callers (the file's name otherwise)")
    .option("--no-token", "let every user of this machine call it")
    .option("--max-batch-size <rows>", "requests in one run of the model, at most", wholeNumber)
    .option("--with-parent", "end when the process that started it ends", false)
    .action(async (model: string, options: ServeCommandOptions) => {
      const stopAsked = stopRequest(options.withParent);
      const served = await serveModel({
        model,
        device: options.device,
        token: options.token,
        ...(options.port === undefined ? {} : { port: options.port }),
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(options.maxBatchSize === undefined ? {} : { maxBatchSize: options.maxBatchSize }),
      });
      announce(served, options.format, io);
      await stopAsked;
      await served.stop();
    });
}

function announce({ address, model, token, device }: ServedModel, format: OutputFormat, io: CommandIo): void {
  if (format === "json") {
    io.out(`${JSON.stringify({ address, model, ...(token === undefined ? {} : { token }), device })}\n`);
    return;
  }
  const paint = paintFor(io);
  io.out(`${paint.bold(model)} is served at ${paint.bold(address)} on ${device}.\n`);
  if (token !== undefined) io.out(`Callers send: authorization: Bearer ${token}\n`);
  io.out("Ctrl-C ends it.\n");
}

/** Resolves on SIGINT or SIGTERM, and when asked for, after the parent has gone. A second signal ends the process at once. */
function stopRequest(withParent: boolean): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = () => {
      if (asked) process.exit(130);
      asked = true;
      clearInterval(watch);
      resolve();
    };
    const parent = process.ppid;
    const watch = withParent ? setInterval(() => process.ppid !== parent && ask(), PARENT_CHECK_MS).unref() : undefined;
    process.on("SIGINT", ask).on("SIGTERM", ask);
  });
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("A whole number is expected.");
  return Number(text);
}
