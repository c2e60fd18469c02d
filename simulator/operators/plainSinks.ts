/** Sinks that keep nothing: standard output, and the blackhole that counts. A record that is replayed after a failure comes twice. */
import { recordLine } from "./recordLine";
import { ServiceTime } from "./serviceTime";
import { StreamOperator } from "./streamOperator";
import type { OperatorContext, OperatorOutput } from "./streamOperator";

export class StdoutSink extends StreamOperator {
  private full = false;

  override element(value: unknown): void {
    if (!process.stdout.write(recordLine(value)) && !this.full) {
      this.full = true;
      this.context.control.blockInput("backPressured");
      process.stdout.once("drain", () => {
        this.full = false;
        this.context.control.unblockInput("backPressured");
      });
    }
  }

  override watermark(): void {}
}

export class BlackholeSink extends StreamOperator {
  private readonly serviceTime: ServiceTime;
  private count = 0;

  constructor(delayMs: number, context: OperatorContext, output: OperatorOutput) {
    super(context, output);
    this.serviceTime = new ServiceTime(context.control, delayMs);
  }

  override async open(state: unknown): Promise<void> {
    this.count = (state as number | undefined) ?? 0;
  }

  override element(): void {
    this.count++;
    this.serviceTime.spend();
  }

  override watermark(): void {}

  override snapshot(): { state: number } {
    return { state: this.count };
  }
}
