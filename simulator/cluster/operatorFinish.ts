/**
 * After the last element: one operator after the other gives what it holds back, from the head of the chain to its end. Flink's
 * `StreamOperatorWrapper.finish`.
 */
import type { StreamOperator } from "../operators/streamOperator";

export class OperatorFinish {
  /** Operators up to this one have given what they held back; `undefined` before the end of the data. */
  private at: number | undefined;
  private called = -1;

  /** No element comes any more. */
  begin(): void {
    this.at = 0;
  }

  get begun(): boolean {
    return this.at !== undefined;
  }

  /** `waiting`: an operator has something under way; `done`: all have given everything. */
  advance(operators: readonly { readonly operator: StreamOperator }[]): "progress" | "waiting" | "done" {
    const { at = 0 } = this;
    if (at >= operators.length) {
      return "done";
    }
    const { operator } = operators[at];
    if (this.called < at) {
      this.called = at;
      operator.finish();
    } else if (!operator.finished) {
      return "waiting";
    } else {
      this.at = at + 1;
    }
    return "progress";
  }
}
