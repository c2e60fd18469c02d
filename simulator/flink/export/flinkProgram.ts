/** The DataStream program of a job: same operators, uids, parallelism and edges. Java, for the person to go on with. */
import { FaultlineError } from "../../graph/errors";
import type {
  EdgeSpec,
  FunctionRef,
  JobSpec,
  OperatorSpec,
  ServiceSpec,
  SinkSpec,
  SourceSpec,
  WindowSpec,
} from "../../graph/jobFile";
import { topologicalOrder } from "../../graph/jobGraph";
import { jobSettings } from "./flinkSettings";

export interface JavaProgram {
  readonly job: string;
  readonly functions: string;
  readonly notes: readonly string[];
}

/** Whether a model's first axis is the batch, and the name that callers use, by service. */
export interface CalledModel {
  readonly name: string;
  readonly batched: boolean;
}

const STANDARD_PORT = 8001;

/** @throws FaultlineError FL5020 with every part that the DataStream API cannot express */
export function flinkProgram(job: JobSpec, models: ReadonlyMap<string, CalledModel>): JavaProgram {
  return new ProgramWriter(job, models).write();
}

class ProgramWriter {
  private readonly names = new Map<string, string>();
  private readonly places = new Map<string, string>();
  private readonly placeNames = new Set<string>();
  private readonly notes: string[] = [];
  private readonly refused: string[] = [];
  private readonly tags = new Set<string>();

  constructor(
    private readonly job: JobSpec,
    private readonly models: ReadonlyMap<string, CalledModel>,
  ) {
    for (const { id } of job.operators) this.names.set(id, distinct(javaName(id), new Set(this.names.values())));
  }

  write(): JavaProgram {
    const { job } = this;
    const inputs = new Map<string, EdgeSpec[]>(job.operators.map(({ id }) => [id, []]));
    for (const edge of job.edges) inputs.get(edge.to)?.push(edge);
    const order = topologicalOrder(
      job.operators.map(({ id }) => id),
      (id) => job.edges.filter(({ from }) => from === id).map(({ to }) => to),
    );
    const byId = new Map(job.operators.map((operator) => [operator.id, operator]));
    const body = order.map((id) => this.flushPending(this.operator(byId.get(id)!, inputs.get(id) ?? [])));
    const [first, ...more] = this.refused;
    if (first !== undefined) {
      throw new FaultlineError(
        {
          code: "FL5020",
          message: first,
          location: { file: job.file },
          hint: "The export has no way to say it for Flink's DataStream API; change that part, or leave it out.",
        },
        more.map((message) => ({ code: "FL5020" as const, message, location: { file: job.file } })),
      );
    }
    return { job: this.jobJava(body), functions: this.functionsJava(), notes: [...new Set(this.notes)] };
  }

  private jobJava(body: readonly string[]): string {
    const settings = Object.entries(jobSettings(this.job)).map(
      ([key, value]) => `    configuration.setString(${text(key)}, ${text(String(value))});`,
    );
    const services = this.job.services.map((service) => this.service(service));
    return `package job;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.datagen.source.GeneratorFunction;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.AsyncDataStream;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.OutputFileConfig;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.ProcessingTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingProcessingTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingProcessingTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.GlobalWindow;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/**
 * ${javadoc(this.job.name)}: the operators, uids, parallelism, edges, restart and checkpoint settings of its job file. Your own functions have their places in
 * {@link Functions}.
 *
 * <p>Arguments, all optional: --SOURCE.path FILE, --SOURCE.rate RECORDS_A_SECOND (0: no limit), --SINK.path FOLDER, --SERVICE.addresses HOST:PORT,HOST:PORT (or env:NAME,
 * a variable of each TaskManager), --SERVICE.token TOKEN, --SERVICE.model NAME.
 */
public final class Job {
  private static final TypeInformation<Record> RECORD = TypeInformation.of(Record.class);

  public static void main(String[] args) throws Exception {
    Map<String, String> options = options(args);
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(settings());
${[...services, ...body].join("\n").replace(/\n{3,}/g, "\n\n")}

    env.execute(${text(this.job.name)});
  }

  /** What goes with the job, whichever cluster it runs on; what belongs to the cluster is in conf/config.yaml. */
  private static Configuration settings() {
    Configuration configuration = new Configuration();
${settings.join("\n")}
    return configuration;
  }

  private static String key(Object value) {
    return Records.json(value);
  }

  private static <T> DataGeneratorSource<T> source(GeneratorFunction<Long, T> records, long count, double perSecond, TypeInformation<T> type) {
    return perSecond > 0
        ? new DataGeneratorSource<>(records, count, RateLimiterStrategy.perSecond(perSecond), type)
        : new DataGeneratorSource<>(records, count, type);
  }

  private static FileSink<Record> files(String folder) {
    return FileSink.<Record>forRowFormat(new Path(folder), new Records.Lines())
        .withRollingPolicy(OnCheckpointRollingPolicy.build())
        .withOutputFileConfig(OutputFileConfig.builder().withPartPrefix("part").withPartSuffix(".ndjson").build())
        .build();
  }

  private static Map<String, String> options(String[] args) {
    Map<String, String> options = new HashMap<>();
    for (int i = 0; i + 1 < args.length; i += 2) {
      if (!args[i].startsWith("--")) throw new IllegalArgumentException("--NAME VALUE is expected, not " + args[i]);
      options.put(args[i].substring(2), args[i + 1]);
    }
    return options;
  }

  private Job() {}
}
`;
  }

  private service(service: ServiceSpec): string {
    const { id, retry } = service;
    const model = this.models.get(id) ?? { name: id, batched: true };
    const addresses = service.addresses.length > 0 ? service.addresses.join(",") : `127.0.0.1:${STANDARD_PORT}`;
    return `    ServiceSettings ${this.serviceName(id)} =
        new ServiceSettings(
            Arrays.asList(options.getOrDefault(${text(`${id}.addresses`)}, ${text(addresses)}).split(",")),
            options.get(${text(`${id}.token`)}),
            options.getOrDefault(${text(`${id}.model`)}, ${text(model.name)}),
            ${model.batched},
            ${Math.min(retry.maxAttempts, 2_147_483_647)},
            ${Math.round(retry.initialBackoffMs)}L,
            ${Math.round(retry.maxBackoffMs)}L);
`;
  }

  private serviceName(id: string): string {
    return `${javaName(id)}Service`;
  }

  private name(id: string): string {
    return this.names.get(id) ?? javaName(id);
  }

  private operator(operator: OperatorSpec, inputs: readonly EdgeSpec[]): string {
    const { id } = operator;
    if (operator.kind === "source") return this.declare(operator, this.source(id, operator.source, operator));
    if (operator.kind === "sink") return this.sink(operator, operator.sink, inputs);
    if (operator.kind === "rpc" && operator.rpc.deadlineField !== undefined) this.refuse(`"${id}" goes by a deadline of each record.`);
    const common = this.commonKey(inputs);
    const input = this.input(inputs);
    switch (operator.kind) {
      case "map":
        return this.declare(
          operator,
          `${input}\n            .map(Functions::${this.place(operator.function, "map")})\n            .returns(RECORD)`,
        );
      case "flatMap":
        return this.declare(
          operator,
          `${input}\n            .<Record>flatMap((record, out) -> Functions.${this.place(operator.function, "flatMap")}(record).forEach(out::collect))\n            .returns(RECORD)`,
        );
      case "filter":
        return this.declare(
          operator,
          `${input}\n            .filter(Functions::${this.place(operator.function, "filter")})`,
        );
      case "union":
        return this.declare(operator, `${input}\n            .map(record -> record)\n            .returns(RECORD)`);
      case "standIn":
        return this.declare(
          operator,
          `${input}\n            .flatMap(new StandIn(${operator.selectivity}, ${operator.serviceTimeMs}))\n            .returns(RECORD)`,
        );
      case "process": {
        const keyed = inputs.some(({ key }) => key !== undefined);
        if (keyed && common === undefined) this.refuse(`"${id}" reads by several keys.`);
        const place = this.place(operator.function, keyed ? "keyedProcess" : "process");
        return this.declare(
          operator,
          `${keyed ? this.keyed(inputs, common ?? "") : input}\n            .process(Functions.${place}())\n            .returns(RECORD)`,
        );
      }
      case "async": {
        const place = this.place(operator.function, "async");
        return this.declare(
          operator,
          `AsyncDataStream.${operator.ordered ? "orderedWait" : "unorderedWait"}(\n                ${input},\n                Functions.${place}(),\n                ${operator.timeoutMs}L,\n                TimeUnit.MILLISECONDS,\n                ${operator.capacity})\n            .returns(RECORD)`,
        );
      }
      case "rpc": {
        const { rpc } = operator;
        const request =
          rpc.request === undefined
            ? `record -> {\n                      Map<String, Tensor> tensors = new LinkedHashMap<>();\n${Object.entries(
                rpc.inputs,
              )
                .map(
                  ([tensor, field]) =>
                    `                      tensors.put(${text(tensor)}, Tensor.ofValue(record.get(${text(field)})));`,
                )
                .join("\n")}\n                      return tensors;\n                    }`
            : `Functions::${this.place(rpc.request, "request")}`;
        const response =
          rpc.response === undefined
            ? `(record, outputs) -> {\n                      Record result = new Record(record);\n${Object.entries(
                rpc.outputs,
              )
                .map(
                  ([field, tensor]) =>
                    `                      result.put(${text(field)}, outputs.get(${text(tensor)}).value());`,
                )
                .join("\n")}\n                      return result;\n                    }`
            : `Functions::${this.place(rpc.response, "response")}`;
        return this.declare(
          operator,
          `AsyncDataStream.${rpc.ordered ? "orderedWait" : "unorderedWait"}(\n                ${input},\n                new ServiceCall(\n                    ${this.serviceName(rpc.service)},\n                    ${request},\n                    ${response},\n                    ${rpc.timeoutMs}L),\n                ${rpc.timeoutMs}L,\n                TimeUnit.MILLISECONDS,\n                ${rpc.capacity})\n            .returns(RECORD)`,
        );
      }
      case "window": {
        if (common === undefined) {
          this.refuse(
            `The window "${id}" reads by ${inputs.some(({ key }) => key !== undefined) ? "several keys" : "no key"}.`,
          );
          return "";
        }
        const keyed = this.keyed(inputs, common);
        const windowed = `${keyed}\n            .${windowCall(operator.window)}`;
        const type = operator.window.kind === "count" ? "GlobalWindow" : "TimeWindow";
        const field = inputs[0]?.key?.kind === "field" ? text(inputs[0].key.field) : "null";
        const aggregate =
          operator.aggregate === "count"
            ? `.aggregate(new WindowCount.Count(), new WindowCount.Result<${type}>(${field}))`
            : `.aggregate(Functions.${this.place(operator.aggregate, "aggregate")}())`;
        return this.declare(operator, `${windowed}\n            ${aggregate}\n            .returns(RECORD)`);
      }
    }
  }

  private declare(operator: OperatorSpec, expression: string): string {
    return `
    SingleOutputStreamOperator<Record> ${this.name(operator.id)} =
        ${expression}${this.settingsOf(operator)};`;
  }

  /** uid, name, parallelism and the rest: the same for operators and sinks. */
  private settingsOf(operator: OperatorSpec, isSink = false): string {
    const calls = [
      `uid(${text(operator.id)})`,
      `name(${text(operator.name)})`,
      `setParallelism(${operator.parallelism})`,
    ];
    if (operator.maxParallelism !== undefined) calls.push(`setMaxParallelism(${operator.maxParallelism})`);
    if (operator.slotSharingGroup !== "default") calls.push(`slotSharingGroup(${text(operator.slotSharingGroup)})`);
    if (operator.chaining === "NEVER") calls.push("disableChaining()");
    if (operator.chaining === "HEAD") {
      if (isSink) this.notes.push(`Flink cannot start a chain at the sink "${operator.id}"; it is not chained at all.`);
      calls.push(isSink ? "disableChaining()" : "startNewChain()");
    }
    if (operator.coLocationGroup !== undefined)
      this.notes.push(`The co-location group of "${operator.id}" was left out: Flink's public API has none.`);
    return calls.map((call) => `\n            .${call}`).join("");
  }

  private source(id: string, source: SourceSpec, operator: OperatorSpec): string {
    const { connector, eventTime } = source;
    const rate = source.ratePerSecond ?? 0;
    const limit = source.limit === undefined ? "Long.MAX_VALUE" : `${source.limit}L`;
    const name = this.name(id);
    let records: string;
    let count: string;
    if (connector.kind === "file") {
      const file = `new FileRecords(options.getOrDefault(${text(`${id}.path`)}, ${text(connector.path)}), ${text(connector.format)})`;
      this.pending.push(`    FileRecords ${name}Records = ${file};`);
      records = `${name}Records`;
      count = `Math.min(${limit}, ${name}Records.count() * ${connector.repeat}L)`;
    } else if (connector.kind === "directory") {
      this.refuse(`The source "${id}" reads the files of a folder.`);
      return "";
    } else {
      const make =
        connector.function === undefined
          ? `new Record().with("seq", index)`
          : `Functions.${this.place(connector.function, "generator")}(index, ${connector.seed}L)`;
      this.pending.push(
        `    GeneratorFunction<Long, Record> ${name}Records =\n        index -> {\n          Record record = ${make};\n          record.sequence = index;\n          return record;\n        };`,
      );
      records = `${name}Records`;
      count = limit;
    }
    const watermarks =
      eventTime === undefined
        ? "WatermarkStrategy.noWatermarks()"
        : eventTime.kind === "step"
          ? `WatermarkStrategy.<Record>forMonotonousTimestamps()\n                    .withTimestampAssigner((record, previous) -> ${Math.round(eventTime.startMs)}L + Math.round(record.sequence * ${javaDouble(eventTime.stepMs)}))`
          : `WatermarkStrategy.<Record>forBoundedOutOfOrderness(Duration.ofMillis(${Math.round(eventTime.outOfOrdernessMs)}))\n                    .withTimestampAssigner((record, previous) -> record.number(${text(eventTime.field)}))`;
    return `env.fromSource(\n                source(${records}, ${count}, Double.parseDouble(options.getOrDefault(${text(`${id}.rate`)}, ${text(String(rate))})), RECORD),\n                ${watermarks},\n                ${text(operator.name)})`;
  }

  /** Statements that an expression needs before it. */
  private pending: string[] = [];

  private sink(operator: OperatorSpec, { connector }: SinkSpec, inputs: readonly EdgeSpec[]): string {
    const input = this.input(inputs);
    const { id } = operator;
    if (connector.kind === "stdout")
      return `\n    ${input}\n            .map(Records::json)\n            .returns(Types.STRING)\n            .setParallelism(${operator.parallelism})\n            .print()${this.settingsOf(operator, true)};`;
    const sink =
      connector.kind === "file"
        ? `files(options.getOrDefault(${text(`${id}.path`)}, ${text(`output/${connector.path}`)}))`
        : "new DiscardingSink<>()";
    if (connector.kind === "blackhole" && connector.delayMs > 0)
      this.notes.push(`The delay of the sink "${id}" (${connector.delayMs} ms a record) was left out.`);
    return `\n    ${input}\n            .sinkTo(${sink})${this.settingsOf(operator, true)};`;
  }

  /** What the operator reads, each input shipped as its edge says. */
  private input(inputs: readonly EdgeSpec[]): string {
    const [first, ...more] = inputs.map((edge) => this.shipped(edge));
    if (first === undefined) return "env.fromSequence(0, 0)";
    return more.length === 0 ? first : `${first}.union(${more.join(", ")})`;
  }

  private shipped(edge: EdgeSpec): string {
    const from = this.raw(edge);
    if (edge.partitionType !== "PIPELINED_BOUNDED" && this.job.runtime.mode === "streaming")
      this.notes.push(
        `The exchange ${edge.from} → ${edge.to} is ${edge.partitionType}; in a streaming job Flink makes it PIPELINED_BOUNDED.`,
      );
    switch (edge.ship) {
      case "FORWARD":
        return `${from}.forward()`;
      case "RESCALE":
        return `${from}.rescale()`;
      case "REBALANCE":
        return `${from}.rebalance()`;
      case "SHUFFLE":
        return `${from}.shuffle()`;
      case "BROADCAST":
        return `${from}.broadcast()`;
      case "GLOBAL":
        return `${from}.global()`;
      case "HASH":
        return `${from}.keyBy(${this.keySelector(edge)}, Types.STRING)`;
      case "CUSTOM": {
        const place = edge.partitioner === undefined ? undefined : this.place(edge.partitioner, "partitioner");
        return `${from}.partitionCustom(Functions::${place ?? "partition"}, record -> record)`;
      }
    }
  }

  private raw(edge: EdgeSpec): string {
    if (edge.sideOutput === undefined) return this.name(edge.from);
    this.tags.add(edge.sideOutput);
    return `${this.name(edge.from)}.getSideOutput(Functions.${tagName(edge.sideOutput)})`;
  }

  private keySelector({ key }: EdgeSpec): string {
    if (key === undefined) return "record -> key(record)";
    if (key.kind === "field") return `record -> key(record.get(${text(key.field)}))`;
    return `record -> key(Functions.${this.place(key.function, "key")}(record))`;
  }

  /** The selector that all inputs have in common; `undefined` when there is none, or several. */
  private commonKey(inputs: readonly EdgeSpec[]): string | undefined {
    if (inputs.length === 0 || inputs.some(({ key }) => key === undefined)) return undefined;
    const selectors = new Set(inputs.map((edge) => this.keySelector(edge)));
    return selectors.size === 1 ? [...selectors][0] : undefined;
  }

  private keyed(inputs: readonly EdgeSpec[], selector: string): string {
    const [first, ...more] = inputs.map((edge) => this.raw(edge));
    const stream = more.length === 0 ? first : `${first}.union(${more.join(", ")})`;
    return `${stream}.keyBy(${selector}, Types.STRING)`;
  }

  private refuse(message: string): void {
    this.refused.push(message);
  }

  private place(ref: FunctionRef, kind: PlaceKind): string {
    const key = `${kind} ${ref.module}#${ref.exportName}`;
    const known = this.placesByKey.get(key);
    if (known !== undefined) return known;
    const name = distinct(javaName(ref.exportName), this.placeNames);
    this.placeNames.add(name);
    this.placesByKey.set(key, name);
    this.places.set(name, placeJava(name, kind, ref));
    return name;
  }

  private readonly placesByKey = new Map<string, string>();

  private functionsJava(): string {
    const tags = [...this.tags].map(
      (tag) =>
        `  public static final OutputTag<Record> ${tagName(tag)} = new OutputTag<>(${text(tag)}, TypeInformation.of(Record.class));\n`,
    );
    return `package job;

import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.streaming.api.functions.async.AsyncFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

/** The places of your own functions: one for each function that the job file names. Fill in those marked YOURS. */
public final class Functions {
${[...tags, ...this.places.values()].join("\n")}
  private static UnsupportedOperationException yours(String function) {
    return new UnsupportedOperationException("Write this function in Functions.java: " + function);
  }

  private Functions() {}
}
`;
  }

  /** Joins the statements that wait with the one they are for. */
  private flushPending(statement: string): string {
    const before = this.pending.splice(0);
    return before.length === 0 ? statement : `\n${before.join("\n")}${statement}`;
  }
}

type PlaceKind =
  | "map"
  | "flatMap"
  | "filter"
  | "process"
  | "keyedProcess"
  | "async"
  | "aggregate"
  | "generator"
  | "key"
  | "partitioner"
  | "request"
  | "response";

function placeJava(name: string, kind: PlaceKind, { module, exportName }: FunctionRef): string {
  const of = javadoc(`${module.split(/[\\/]/).slice(-2).join("/")}#${exportName}`);
  const body = `// YOURS: ${of}\n    throw yours(${text(exportName)});`;
  const method = (what: string, signature: string): string =>
    `  /** ${what}: {@code ${of}}. */\n  public static ${signature} {\n    ${body}\n  }\n`;
  switch (kind) {
    case "map":
      return method("One record in, one record out", `Record ${name}(Record record)`);
    case "flatMap":
      return method("One record in, any number out", `List<Record> ${name}(Record record)`);
    case "filter":
      return method("Keeps a record when true", `boolean ${name}(Record record)`);
    case "generator":
      return method("Record {@code index} of the source", `Record ${name}(long index, long seed)`);
    case "key":
      return method("The key of a record: text, number or boolean", `Object ${name}(Record record)`);
    case "partitioner":
      return method("Channel of a record, from 0 to channels - 1", `int ${name}(Record record, int channels)`);
    case "request":
      return method(
        "The tensors to send for a record, by input name, without the batch axis",
        `Map<String, Tensor> ${name}(Record record)`,
      );
    case "response":
      return method(
        "The record to go on with, from the record and the tensors that came back",
        `Record ${name}(Record record, Map<String, Tensor> outputs)`,
      );
    case "async":
      return method(
        "May take its time; complete the result with a list of one record",
        `AsyncFunction<Record, Record> ${name}()`,
      );
    case "aggregate":
      return method("Folds the records of one window and key", `AggregateFunction<Record, Record, Record> ${name}()`);
    case "keyedProcess":
      return `  /** State and timers belong to the key: {@code ${of}}. */\n  public static KeyedProcessFunction<String, Record, Record> ${name}() {\n    return new KeyedProcessFunction<>() {\n      @Override\n      public void processElement(Record record, Context context, Collector<Record> out) {\n        // YOURS: ${of}\n        throw yours(${text(exportName)});\n      }\n    };\n  }\n`;
    case "process":
      return `  /** Without a key: {@code ${of}}. */\n  public static ProcessFunction<Record, Record> ${name}() {\n    return new ProcessFunction<>() {\n      @Override\n      public void processElement(Record record, Context context, Collector<Record> out) {\n        // YOURS: ${of}\n        throw yours(${text(exportName)});\n      }\n    };\n  }\n`;
  }
}

function windowCall(window: WindowSpec): string {
  const ms = (value: number): string => `Duration.ofMillis(${Math.round(value)})`;
  switch (window.kind) {
    case "tumbling":
      return `window(Tumbling${timeOf(window.time)}Windows.of(${ms(window.sizeMs)}))`;
    case "sliding":
      return `window(Sliding${timeOf(window.time)}Windows.of(${ms(window.sizeMs)}, ${ms(window.slideMs)}))`;
    case "session":
      return `window(${timeOf(window.time)}SessionWindows.withGap(${ms(window.gapMs)}))`;
    case "count":
      return `countWindow(${window.size})`;
  }
}

function timeOf(time: "event" | "processing"): string {
  return time === "event" ? "EventTime" : "ProcessingTime";
}

const RESERVED = new Set(
  (
    "abstract assert boolean break byte case catch char class const continue default do double else enum extends final finally float for goto if implements " +
    "import instanceof int interface long native new package private protected public return short static strictfp super switch synchronized this throw throws " +
    "transient try void volatile while true false null record var yield env options args key source files settings yours"
  ).split(" "),
);

/** A name for a variable or method: `per-language` → `perLanguage`. */
export function javaName(id: string): string {
  const words = id.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  const joined = words
    .map((word, index) => (index === 0 ? word.charAt(0).toLowerCase() : word.charAt(0).toUpperCase()) + word.slice(1))
    .join("");
  const name = joined === "" ? "operator" : /^[0-9]/.test(joined) ? `n${joined}` : joined;
  return RESERVED.has(name) ? `${name}_` : name;
}

/** With a point, so that Java computes with doubles. */
function javaDouble(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function tagName(tag: string): string {
  const name = tag.replace(/[^A-Za-z0-9]+/g, "_").toUpperCase();
  return /^[0-9]/.test(name) ? `TAG_${name}` : name;
}

function distinct(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) if (!taken.has(`${name}${number}`)) return `${name}${number}`;
}

/** A Java literal; everything that is not plain ASCII is written as an escape, so that no text of a job file can end it. */
function text(value: string): string {
  let literal = "";
  for (const unit of value.split("")) {
    const code = unit.charCodeAt(0);
    literal +=
      unit === '"' || unit === "\\"
        ? `\\${unit}`
        : code < 0x20 || code > 0x7e
          ? `\\u${code.toString(16).padStart(4, "0")}`
          : unit;
  }
  // Java reads \u000a as a line break before it knows of literals.
  return `"${literal.replaceAll("\\u000a", "\\n").replaceAll("\\u000d", "\\r")}"`;
}

/** For comments: nothing that ends them or that Java would read as an escape. */
function javadoc(value: string): string {
  return value
    .replace(/\\/g, "/")
    .replace(/\*\//g, "* /")
    .replace(/[\r\n@{}<>&]/g, " ");
}
