/** The operator for a specification of a job file. */
import { AsyncFunctionOperator } from "./asyncOperator";
import { FileSink } from "./fileSink";
import { BlackholeSink, StdoutSink } from "./plainSinks";
import { ProcessOperator } from "./processOperator";
import { RpcOperator } from "./rpcOperator";
import { SourceOperator } from "./sourceOperator";
import type { OperatorContext, OperatorOutput, StreamOperator } from "./streamOperator";
import { FilterOperator, FlatMapOperator, MapOperator, StandInOperator, UnionOperator } from "./transformOperators";
import { WindowOperator } from "./windowOperator";

/** Loads the operator's functions: throws FL1020 and FL1021. */
export function createOperator(context: OperatorContext, output: OperatorOutput): StreamOperator {
  const spec = context.operator;
  switch (spec.kind) {
    case "source":
      return new SourceOperator(spec.source, context, output);
    case "map":
      return new MapOperator(spec, context, output);
    case "flatMap":
      return new FlatMapOperator(spec, context, output);
    case "filter":
      return new FilterOperator(spec, context, output);
    case "process":
      return new ProcessOperator(spec, context, output);
    case "async":
      return new AsyncFunctionOperator(spec, context, output);
    case "window":
      return new WindowOperator(spec, context, output);
    case "union":
      return new UnionOperator(context, output);
    case "rpc":
      return new RpcOperator(spec.rpc, context, output);
    case "standIn":
      return new StandInOperator(spec, context, output);
    case "sink": {
      const { connector } = spec.sink;
      switch (connector.kind) {
        case "file":
          return new FileSink(connector.path, context, output);
        case "stdout":
          return new StdoutSink(context, output);
        case "blackhole":
          return new BlackholeSink(connector.delayMs, context, output);
      }
    }
  }
}
