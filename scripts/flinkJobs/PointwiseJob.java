import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/** Exchanges that are POINTWISE alone: four sources feed two workers by RESCALE, and each worker a sink of its own. Two pipelined regions. */
public final class PointwiseJob {
  public static void main(String[] args) throws Exception {
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    DataStream<Long> numbers =
        env.fromSequence(0, Long.MAX_VALUE / 2).setParallelism(4).map(PointwiseJob::unhurried).returns(Long.class).setParallelism(4).name("numbers");
    numbers
        .rescale()
        .map(value -> value * 31)
        .returns(Long.class)
        .setParallelism(2)
        .name("worker")
        .map(value -> value ^ (value >>> 7))
        .returns(Long.class)
        .setParallelism(2)
        .startNewChain()
        .name("finish")
        .sinkTo(new DiscardingSink<>())
        .setParallelism(2)
        .name("nothing");
    env.execute("Pointwise");
  }

  private static Long unhurried(Long value) throws InterruptedException {
    if (value % 50 == 0) Thread.sleep(20);
    return value;
  }

  private PointwiseJob() {}
}
