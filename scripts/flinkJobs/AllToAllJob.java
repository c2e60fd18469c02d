import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/** Four sources, a keyed sum in four subtasks, and sinks, so that every slot of the rig is used: with one keyBy the whole job is one pipelined region. */
public final class AllToAllJob {
  public static void main(String[] args) throws Exception {
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    DataStream<Long> numbers =
        env.fromSequence(0, Long.MAX_VALUE / 2).setParallelism(4).map(AllToAllJob::unhurried).returns(Long.class).setParallelism(4).name("numbers");
    numbers
        .keyBy(value -> value % 100)
        .reduce((left, right) -> left ^ right)
        .setParallelism(4)
        .name("perKey")
        .sinkTo(new DiscardingSink<>())
        .setParallelism(4)
        .name("nothing");
    env.execute("All to All");
  }

  private static Long unhurried(Long value) throws InterruptedException {
    if (value % 50 == 0) Thread.sleep(20);
    return value;
  }

  private AllToAllJob() {}
}
