/** Java files of an exported project that are the same for every job. */

export const RECORD_JAVA = `package job;

import java.util.LinkedHashMap;
import java.util.Map;

/** One record: fields by name. Texts, numbers, booleans, lists, maps and arrays of primitives. */
public class Record extends LinkedHashMap<String, Object> {
  /** Number of the record in its source; known at the source alone. */
  transient long sequence = -1;

  public Record() {}

  public Record(Map<String, ?> fields) {
    super(fields);
  }

  public Record with(String field, Object value) {
    put(field, value);
    return this;
  }

  public String text(String field) {
    Object value = get(field);
    return value == null ? null : value.toString();
  }

  public long number(String field) {
    Object value = get(field);
    return value instanceof Number number ? number.longValue() : Long.parseLong(String.valueOf(value));
  }
}
`;

export const RECORDS_JAVA = `package job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.serialization.Encoder;

/** Records as text and back. */
final class Records {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** A line of a file with {@code format} ndjson, csv (with the columns of its header) or lines. */
  static Record parse(String format, String[] columns, String line) {
    switch (format) {
      case "ndjson":
        try {
          @SuppressWarnings("unchecked")
          Map<String, Object> fields = MAPPER.readValue(line, Map.class);
          return new Record(fields);
        } catch (JsonProcessingException error) {
          throw new IllegalArgumentException("Not a JSON object: " + line, error);
        }
      case "csv": {
        String[] cells = cells(line);
        Record record = new Record();
        for (int i = 0; i < columns.length; i++) record.put(columns[i], i < cells.length ? cells[i] : "");
        return record;
      }
      default:
        return new Record().with("line", line);
    }
  }

  /** Cells of a line of CSV; quotes double inside quotes. */
  static String[] cells(String line) {
    List<String> cells = new ArrayList<>();
    StringBuilder cell = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (c == '"' && quoted && i + 1 < line.length() && line.charAt(i + 1) == '"') {
        cell.append('"');
        i++;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        cells.add(cell.toString());
        cell.setLength(0);
      } else {
        cell.append(c);
      }
    }
    cells.add(cell.toString());
    return cells.toArray(new String[0]);
  }

  static String json(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException(error);
    }
  }

  static Object fromJson(String text) {
    try {
      return MAPPER.readValue(text, Object.class);
    } catch (JsonProcessingException error) {
      throw new IllegalArgumentException(error);
    }
  }

  /** One record a line, for a FileSink. */
  static final class Lines implements Encoder<Record> {
    @Override
    public void encode(Record record, OutputStream stream) throws IOException {
      stream.write(json(record).getBytes(StandardCharsets.UTF_8));
      stream.write('\\n');
    }
  }

  private Records() {}
}
`;

export const FILE_RECORDS_JAVA = `package job;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.connector.datagen.source.GeneratorFunction;

/**
 * The lines of a file by number, held in memory by each subtask of the source; every TaskManager needs the file. For files that are large or
 * come over the network, put Flink's FileSource or another connector in its place.
 */
final class FileRecords implements GeneratorFunction<Long, Record> {
  private final String path;
  private final String format;
  private transient List<String> lines;
  private transient String[] columns;

  FileRecords(String path, String format) {
    this.path = path;
    this.format = format;
  }

  @Override
  public void open(SourceReaderContext context) {
    read();
  }

  /** How many records there are. */
  long count() {
    read();
    return lines.size();
  }

  private void read() {
    try {
      List<String> all = Files.readAllLines(Path.of(path), StandardCharsets.UTF_8);
      boolean csv = format.equals("csv");
      columns = csv && !all.isEmpty() ? Records.cells(all.get(0)) : new String[0];
      lines = all.stream().skip(csv ? 1 : 0).filter(line -> format.equals("lines") || !line.isBlank()).toList();
    } catch (IOException error) {
      throw new UncheckedIOException(path + " cannot be read", error);
    }
  }

  @Override
  public Record map(Long index) {
    Record record = Records.parse(format, columns, lines.get((int) (index % lines.size())));
    record.sequence = index;
    return record;
  }
}
`;

export const TENSOR_JAVA = `package job;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A tensor of one record: type in the names of the Open Inference Protocol, shape without the batch axis, elements row-major as an array
 * (int[], long[], float[], double[], byte[], short[], boolean[] or String[]).
 */
public record Tensor(String type, long[] shape, Object data) {
  public static Tensor of(int[] data) {
    return new Tensor("INT32", new long[] {data.length}, data);
  }

  public static Tensor of(float[] data) {
    return new Tensor("FP32", new long[] {data.length}, data);
  }

  /** A value of a record: numbers are FP32, booleans BOOL, texts BYTES. */
  public static Tensor ofValue(Object value) {
    if (value instanceof Tensor tensor) return tensor;
    if (value instanceof int[] ints) return of(ints);
    if (value instanceof float[] floats) return of(floats);
    if (value instanceof long[] longs) return new Tensor("INT64", new long[] {longs.length}, longs);
    if (value instanceof double[] doubles) return new Tensor("FP64", new long[] {doubles.length}, doubles);
    if (value instanceof Number number) return of(new float[] {number.floatValue()});
    if (value instanceof Boolean flag) return new Tensor("BOOL", new long[] {1}, new boolean[] {flag});
    if (value instanceof String text) return new Tensor("BYTES", new long[] {1}, new String[] {text});
    if (value instanceof java.util.List<?> list && list.stream().allMatch(Number.class::isInstance)) {
      float[] floats = new float[list.size()];
      for (int i = 0; i < floats.length; i++) floats[i] = ((Number) list.get(i)).floatValue();
      return of(floats);
    }
    throw new IllegalArgumentException("This value cannot be sent as a tensor: " + value);
  }

  /** Elements as numbers. */
  public double[] numbers() {
    if (data instanceof float[] floats) {
      double[] numbers = new double[floats.length];
      for (int i = 0; i < numbers.length; i++) numbers[i] = floats[i];
      return numbers;
    }
    if (data instanceof double[] doubles) return doubles;
    if (data instanceof int[] ints) return java.util.Arrays.stream(ints).asDoubleStream().toArray();
    if (data instanceof long[] longs) return java.util.Arrays.stream(longs).asDoubleStream().toArray();
    throw new IllegalStateException("A tensor of type " + type + " has no numbers.");
  }

  /** The one element as itself, more as they are. */
  public Object value() {
    return java.lang.reflect.Array.getLength(data) == 1 ? java.lang.reflect.Array.get(data, 0) : data;
  }

  /** Little-endian elements, as raw_input_contents wants them. */
  byte[] raw() {
    if (data instanceof int[] ints) {
      ByteBuffer buffer = buffer(4 * ints.length);
      buffer.asIntBuffer().put(ints);
      return buffer.array();
    }
    if (data instanceof long[] longs) {
      ByteBuffer buffer = buffer(8 * longs.length);
      buffer.asLongBuffer().put(longs);
      return buffer.array();
    }
    if (data instanceof float[] floats) {
      ByteBuffer buffer = buffer(4 * floats.length);
      buffer.asFloatBuffer().put(floats);
      return buffer.array();
    }
    if (data instanceof double[] doubles) {
      ByteBuffer buffer = buffer(8 * doubles.length);
      buffer.asDoubleBuffer().put(doubles);
      return buffer.array();
    }
    if (data instanceof short[] shorts) {
      ByteBuffer buffer = buffer(2 * shorts.length);
      buffer.asShortBuffer().put(shorts);
      return buffer.array();
    }
    if (data instanceof byte[] bytes) return bytes;
    if (data instanceof boolean[] flags) {
      byte[] bytes = new byte[flags.length];
      for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (flags[i] ? 1 : 0);
      return bytes;
    }
    byte[][] texts = java.util.Arrays.stream((String[]) data).map(text -> text.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
    ByteBuffer buffer = buffer(java.util.Arrays.stream(texts).mapToInt(text -> 4 + text.length).sum());
    for (byte[] text : texts) buffer.putInt(text.length).put(text);
    return buffer.array();
  }

  static Tensor fromRaw(String type, long[] shape, ByteBuffer raw) {
    ByteBuffer buffer = raw.order(ByteOrder.LITTLE_ENDIAN);
    switch (type) {
      case "FP32": {
        float[] data = new float[buffer.remaining() / 4];
        buffer.asFloatBuffer().get(data);
        return new Tensor(type, shape, data);
      }
      case "FP64": {
        double[] data = new double[buffer.remaining() / 8];
        buffer.asDoubleBuffer().get(data);
        return new Tensor(type, shape, data);
      }
      case "INT32":
      case "UINT32": {
        int[] data = new int[buffer.remaining() / 4];
        buffer.asIntBuffer().get(data);
        return new Tensor(type, shape, data);
      }
      case "INT64":
      case "UINT64": {
        long[] data = new long[buffer.remaining() / 8];
        buffer.asLongBuffer().get(data);
        return new Tensor(type, shape, data);
      }
      case "INT16":
      case "UINT16":
      case "FP16": {
        short[] data = new short[buffer.remaining() / 2];
        buffer.asShortBuffer().get(data);
        return new Tensor(type, shape, data);
      }
      case "BYTES": {
        java.util.List<String> texts = new java.util.ArrayList<>();
        while (buffer.remaining() >= 4) {
          byte[] text = new byte[buffer.getInt()];
          buffer.get(text);
          texts.add(new String(text, StandardCharsets.UTF_8));
        }
        return new Tensor(type, shape, texts.toArray(new String[0]));
      }
      default: {
        byte[] data = new byte[buffer.remaining()];
        buffer.get(data);
        return new Tensor(type, shape, data);
      }
    }
  }

  private static ByteBuffer buffer(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
`;

export const SERVICE_CLIENT_JAVA = `package job;

import com.google.protobuf.ByteString;
import inference.GRPCInferenceServiceGrpc;
import inference.OpenInferenceGrpc.ModelInferRequest;
import inference.OpenInferenceGrpc.ModelInferResponse;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Calls a service over the Open Inference Protocol: Faultline's own, Triton and KServe answer alike. A call that fails is made again elsewhere. */
final class ServiceClient implements AutoCloseable {
  private final ServiceSettings settings;
  private final List<ManagedChannel> channels = new ArrayList<>();
  private final List<GRPCInferenceServiceGrpc.GRPCInferenceServiceStub> stubs = new ArrayList<>();
  private final AtomicInteger next = new AtomicInteger();
  private final ScheduledExecutorService timer;

  ServiceClient(ServiceSettings settings) {
    this.settings = settings;
    for (String address : located(settings.addresses())) {
      ManagedChannel channel = NettyChannelBuilder.forTarget(address).usePlaintext().maxInboundMessageSize(64 * 1024 * 1024).build();
      channels.add(channel);
      GRPCInferenceServiceGrpc.GRPCInferenceServiceStub stub = GRPCInferenceServiceGrpc.newStub(channel);
      if (settings.token() != null) {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + settings.token());
        stub = stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
      }
      stubs.add(stub);
    }
    timer = Executors.newSingleThreadScheduledExecutor(runnable -> {
      Thread thread = new Thread(runnable, "service-retries");
      thread.setDaemon(true);
      return thread;
    });
  }

  /** {@code env:NAME} stands for what the TaskManager finds in its environment: a sidecar's address is another one on each of them. */
  private static List<String> located(List<String> addresses) {
    List<String> found = new ArrayList<>();
    for (String address : addresses) {
      if (!address.startsWith("env:")) found.add(address);
      else {
        String value = System.getenv(address.substring(4));
        if (value == null || value.isEmpty()) throw new IllegalStateException("The TaskManager has no address of the service: " + address.substring(4) + " is not set.");
        found.addAll(List.of(value.split(",")));
      }
    }
    return found;
  }

  /** Tensors of one record in, tensors of one record out; by name, both without the batch axis. */
  CompletableFuture<Map<String, Tensor>> call(Map<String, Tensor> inputs, long timeoutMs) {
    ModelInferRequest.Builder request = ModelInferRequest.newBuilder().setModelName(settings.model());
    for (Map.Entry<String, Tensor> input : inputs.entrySet()) {
      ModelInferRequest.InferInputTensor.Builder tensor =
          ModelInferRequest.InferInputTensor.newBuilder().setName(input.getKey()).setDatatype(input.getValue().type());
      if (settings.batched()) tensor.addShape(1);
      for (long size : input.getValue().shape()) tensor.addShape(size);
      request.addInputs(tensor).addRawInputContents(ByteString.copyFrom(input.getValue().raw()));
    }
    CompletableFuture<Map<String, Tensor>> result = new CompletableFuture<>();
    attempt(request.build(), System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs), next.getAndIncrement(), 1, result);
    return result;
  }

  /** Each attempt goes to the address after the one before: by one count for all calls, a call could meet the same dead one every time. */
  private void attempt(ModelInferRequest request, long deadline, int first, int attempt, CompletableFuture<Map<String, Tensor>> result) {
    long left = Math.max(1, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime()));
    GRPCInferenceServiceGrpc.GRPCInferenceServiceStub stub = stubs.get(Math.floorMod(first + attempt - 1, stubs.size()));
    stub.withDeadlineAfter(left, TimeUnit.MILLISECONDS).modelInfer(request, new StreamObserver<>() {
      @Override
      public void onNext(ModelInferResponse response) {
        try {
          result.complete(read(response));
        } catch (RuntimeException error) {
          result.completeExceptionally(error);
        }
      }

      @Override
      public void onError(Throwable error) {
        Status.Code code = Status.fromThrowable(error).getCode();
        boolean passing = code == Status.Code.UNAVAILABLE || code == Status.Code.RESOURCE_EXHAUSTED || code == Status.Code.INTERNAL;
        long backoff = Math.min(settings.maxBackoffMs(), settings.initialBackoffMs() << Math.min(20, attempt - 1));
        if (!passing || attempt >= settings.maxAttempts() || System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(backoff) >= deadline) {
          result.completeExceptionally(error);
          return;
        }
        timer.schedule(() -> attempt(request, deadline, first, attempt + 1, result), backoff, TimeUnit.MILLISECONDS);
      }

      @Override
      public void onCompleted() {}
    });
  }

  private Map<String, Tensor> read(ModelInferResponse response) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < response.getOutputsCount(); i++) {
      ModelInferResponse.InferOutputTensor output = response.getOutputs(i);
      int first = settings.batched() ? 1 : 0;
      long[] shape = output.getShapeList().stream().skip(first).mapToLong(Long::longValue).toArray();
      tensors.put(output.getName(), i < response.getRawOutputContentsCount()
          ? Tensor.fromRaw(output.getDatatype(), shape, response.getRawOutputContents(i).asReadOnlyByteBuffer())
          : typed(output, shape));
    }
    return tensors;
  }

  /** Servers may answer in the typed fields instead. */
  private static Tensor typed(ModelInferResponse.InferOutputTensor output, long[] shape) {
    var contents = output.getContents();
    Object data;
    if (contents.getFp32ContentsCount() > 0) {
      float[] floats = new float[contents.getFp32ContentsCount()];
      for (int i = 0; i < floats.length; i++) floats[i] = contents.getFp32Contents(i);
      data = floats;
    } else if (contents.getFp64ContentsCount() > 0) {
      data = contents.getFp64ContentsList().stream().mapToDouble(Double::doubleValue).toArray();
    } else if (contents.getInt64ContentsCount() > 0) {
      data = contents.getInt64ContentsList().stream().mapToLong(Long::longValue).toArray();
    } else if (contents.getBytesContentsCount() > 0) {
      data = contents.getBytesContentsList().stream().map(ByteString::toStringUtf8).toArray(String[]::new);
    } else {
      data = contents.getIntContentsList().stream().mapToInt(Integer::intValue).toArray();
    }
    return new Tensor(output.getDatatype(), shape, data);
  }

  @Override
  public void close() {
    timer.shutdownNow();
    for (ManagedChannel channel : channels) channel.shutdownNow();
  }
}
`;

export const SERVICE_SETTINGS_JAVA = `package job;

import java.io.Serializable;
import java.util.List;

/** How a service is reached. {@code batched}: the model's first axis is the batch. */
record ServiceSettings(List<String> addresses, String token, String model, boolean batched, int maxAttempts, long initialBackoffMs, long maxBackoffMs)
    implements Serializable {}
`;

export const SERVICE_CALL_JAVA = `package job;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.streaming.api.functions.async.ResultFuture;
import org.apache.flink.streaming.api.functions.async.RichAsyncFunction;

/** The async operator: record → tensors → service → record. */
final class ServiceCall extends RichAsyncFunction<Record, Record> {
  interface Request extends Function<Record, Map<String, Tensor>>, Serializable {}

  interface Response extends BiFunction<Record, Map<String, Tensor>, Record>, Serializable {}

  private final ServiceSettings settings;
  private final Request request;
  private final Response response;
  private final long timeoutMs;
  private transient ServiceClient client;

  ServiceCall(ServiceSettings settings, Request request, Response response, long timeoutMs) {
    this.settings = settings;
    this.request = request;
    this.response = response;
    this.timeoutMs = timeoutMs;
  }

  @Override
  public void open(OpenContext context) {
    client = new ServiceClient(settings);
  }

  @Override
  public void close() {
    if (client != null) client.close();
  }

  @Override
  public void asyncInvoke(Record record, ResultFuture<Record> result) {
    client.call(request.apply(record), timeoutMs).whenComplete((outputs, error) -> {
      if (error != null) {
        result.completeExceptionally(error);
        return;
      }
      try {
        result.complete(List.of(response.apply(record, outputs)));
      } catch (RuntimeException failed) {
        result.completeExceptionally(failed);
      }
    });
  }
}
`;

export const WINDOW_COUNT_JAVA = `package job;

import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.api.windowing.windows.Window;
import org.apache.flink.util.Collector;

/** How many records a window holds: {key, count, start, end}, and the key once more under the name of its field. */
final class WindowCount {
  static final class Count implements AggregateFunction<Record, Long, Long> {
    @Override
    public Long createAccumulator() {
      return 0L;
    }

    @Override
    public Long add(Record record, Long count) {
      return count + 1;
    }

    @Override
    public Long getResult(Long count) {
      return count;
    }

    @Override
    public Long merge(Long a, Long b) {
      return a + b;
    }
  }

  static final class Result<W extends Window> extends ProcessWindowFunction<Long, Record, String, W> {
    private final String keyField;

    Result(String keyField) {
      this.keyField = keyField;
    }

    @Override
    public void process(String key, Context context, Iterable<Long> counts, Collector<Record> out) {
      Object value = Records.fromJson(key);
      Record record = new Record();
      if (keyField != null) record.put(keyField, value);
      record.put("key", value);
      record.put("count", counts.iterator().next());
      if (context.window() instanceof TimeWindow window) record.with("start", window.getStart()).put("end", window.getEnd());
      out.collect(record);
    }
  }

  private WindowCount() {}
}
`;

export const STAND_IN_JAVA = `package job;

import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.util.Collector;

/** Stands in for an operator: passes on so many records for each that comes, and is busy for a while with each. Put your own in its place. */
final class StandIn extends RichFlatMapFunction<Record, Record> {
  private final double selectivity;
  private final double serviceTimeMs;
  private transient double owed;

  StandIn(double selectivity, double serviceTimeMs) {
    this.selectivity = selectivity;
    this.serviceTimeMs = serviceTimeMs;
  }

  @Override
  public void flatMap(Record record, Collector<Record> out) {
    if (serviceTimeMs > 0) LockSupport.parkNanos((long) (serviceTimeMs * 1_000_000));
    for (owed += selectivity; owed >= 1; owed--) out.collect(record);
  }
}
`;
