/** A Maven project of a job for a real Flink: configuration, DataStream program, the client of the services, and places for the person's functions. */
import type { JobSpec } from "../../graph/jobFile";
import { slugOf, type ExportedProject } from "./exportedFile";
import { flinkProgram, type CalledModel } from "./flinkProgram";
import { clusterSettings, jobSettings, settingsYaml } from "./flinkSettings";
import {
  FILE_RECORDS_JAVA,
  RECORDS_JAVA,
  RECORD_JAVA,
  SERVICE_CALL_JAVA,
  SERVICE_CLIENT_JAVA,
  SERVICE_SETTINGS_JAVA,
  STAND_IN_JAVA,
  TENSOR_JAVA,
  WINDOW_COUNT_JAVA,
} from "./javaTemplates";

export interface FlinkProjectOptions {
  /** What callers name the model of each service, and whether its first axis is the batch. */
  readonly models: ReadonlyMap<string, CalledModel>;
  /** Text of the Open Inference Protocol's `.proto` file. */
  readonly proto: string;
  readonly flinkVersion?: string;
}

export const DEFAULT_FLINK_VERSION = "2.3.0";

/** @throws FaultlineError FL5020 */
export function flinkProject(job: JobSpec, options: FlinkProjectOptions): ExportedProject {
  const { job: program, functions, notes } = flinkProgram(job, options.models);
  const artifact = slugOf(job.name);
  const version = options.flinkVersion ?? DEFAULT_FLINK_VERSION;
  const java = (name: string, text: string) => ({ path: `src/main/java/job/${name}.java`, text });
  return {
    files: [
      { path: "pom.xml", text: pom(artifact, version) },
      { path: "README.md", text: readme(job, artifact, notes) },
      {
        path: "conf/config.yaml",
        text: `# Of the cluster; add it to the config.yaml of your Flink.\n${settingsYaml(clusterSettings(job))}\n# Of the job; the program sets the same values by itself.\n${settingsYaml(jobSettings(job))}`,
      },
      { path: "src/main/proto/open_inference_grpc.proto", text: options.proto },
      java("Job", program),
      java("Functions", functions),
      java("Record", RECORD_JAVA),
      java("Records", RECORDS_JAVA),
      java("FileRecords", FILE_RECORDS_JAVA),
      java("Tensor", TENSOR_JAVA),
      java("ServiceClient", SERVICE_CLIENT_JAVA),
      java("ServiceSettings", SERVICE_SETTINGS_JAVA),
      java("ServiceCall", SERVICE_CALL_JAVA),
      java("WindowCount", WINDOW_COUNT_JAVA),
      java("StandIn", STAND_IN_JAVA),
    ],
    notes: [
      "Write your own functions in src/main/java/job/Functions.java; their places are marked YOURS.",
      ...(job.services.length > 0
        ? [
            "Services run beside the job: `faultline serve`, Triton or KServe; the job finds them by --SERVICE.addresses.",
          ]
        : []),
      ...notes,
    ],
  };
}

function readme(job: JobSpec, artifact: string, notes: readonly string[]): string {
  const services = job.services.map(
    ({ id }) =>
      `| \`--${id}.addresses\` | where the service ${id} listens, HOST:PORT with commas between |\n| \`--${id}.token\` | its bearer token, where it wants one |\n| \`--${id}.model\` | its name for the model |`,
  );
  const files = job.operators.flatMap((operator) => {
    if (operator.kind === "source") {
      const rate = `| \`--${operator.id}.rate\` | records a second of the source ${operator.id}; 0 is as fast as it can |`;
      if (operator.source.connector.kind !== "file") return [rate];
      return [`| \`--${operator.id}.path\` | file of the source ${operator.id}; every TaskManager reads it |`, rate];
    }
    if (operator.kind === "sink" && operator.sink.connector.kind === "file")
      return [`| \`--${operator.id}.path\` | folder (or URI) of the sink ${operator.id} |`];
    return [];
  });
  return `# ${job.name.replace(/[\r\n]/g, " ")} for Flink

Written by \`faultline export\`. Operators, uids, parallelism, edges, restart and checkpoint settings are those of the job file.

1. Write your functions: \`src/main/java/job/Functions.java\`, at the places marked YOURS.
2. \`mvn package\` (JDK 17) makes \`target/${artifact}-1.0.jar\`.
3. Put what belongs to the cluster from \`conf/config.yaml\` into your Flink's.
4. \`flink run target/${artifact}-1.0.jar\`, with arguments where the defaults do not fit:

| argument | what |
|---|---|
${[...services, ...files].join("\n")}

Services are called over the Open Inference Protocol (gRPC). \`faultline serve MODEL\`, Triton and KServe are interchangeable to the job.

A source of a file hands each subtask one run of consecutive lines; within a run of Faultline subtasks take turns. Results are the same; windows in event time
fire later.
${notes.length === 0 ? "" : `\n## What could not be said in the same way\n\n${[...new Set(notes)].map((note) => `- ${note}`).join("\n")}\n`}`;
}

function pom(artifact: string, flink: string): string {
  const provided = ["flink-streaming-java", "flink-clients", "flink-connector-files"];
  const dependency = (group: string, name: string, version: string, scope?: string): string =>
    `    <dependency>\n      <groupId>${group}</groupId>\n      <artifactId>${name}</artifactId>\n      <version>${version}</version>${scope === undefined ? "" : `\n      <scope>${scope}</scope>`}\n    </dependency>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>job</groupId>
  <artifactId>${artifact}</artifactId>
  <version>1.0</version>
  <properties>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
    <maven.compiler.release>17</maven.compiler.release>
    <flink.version>${flink}</flink.version>
    <grpc.version>1.68.1</grpc.version>
    <protobuf.version>3.25.5</protobuf.version>
  </properties>
  <dependencies>
${[
  ...provided.map((name) => dependency("org.apache.flink", name, "${flink.version}", "provided")),
  dependency("org.apache.flink", "flink-connector-datagen", "${flink.version}"),
  dependency("io.grpc", "grpc-netty-shaded", "${grpc.version}"),
  dependency("io.grpc", "grpc-protobuf", "${grpc.version}"),
  dependency("io.grpc", "grpc-stub", "${grpc.version}"),
  dependency("com.google.protobuf", "protobuf-java", "${protobuf.version}"),
  dependency("com.fasterxml.jackson.core", "jackson-databind", "2.18.1"),
].join("\n")}
  </dependencies>
  <build>
    <extensions>
      <extension>
        <groupId>kr.motd.maven</groupId>
        <artifactId>os-maven-plugin</artifactId>
        <version>1.7.1</version>
      </extension>
    </extensions>
    <plugins>
      <plugin>
        <groupId>org.xolstice.maven.plugins</groupId>
        <artifactId>protobuf-maven-plugin</artifactId>
        <version>0.6.1</version>
        <configuration>
          <protocArtifact>com.google.protobuf:protoc:\${protobuf.version}:exe:\${os.detected.classifier}</protocArtifact>
          <pluginId>grpc-java</pluginId>
          <pluginArtifact>io.grpc:protoc-gen-grpc-java:\${grpc.version}:exe:\${os.detected.classifier}</pluginArtifact>
          <pluginParameter>@generated=omit</pluginParameter>
        </configuration>
        <executions>
          <execution>
            <goals>
              <goal>compile</goal>
              <goal>compile-custom</goal>
            </goals>
          </execution>
        </executions>
      </plugin>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-compiler-plugin</artifactId>
        <version>3.13.0</version>
      </plugin>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-shade-plugin</artifactId>
        <version>3.6.0</version>
        <executions>
          <execution>
            <phase>package</phase>
            <goals>
              <goal>shade</goal>
            </goals>
            <configuration>
              <createDependencyReducedPom>false</createDependencyReducedPom>
              <filters>
                <filter>
                  <artifact>*:*</artifact>
                  <excludes>
                    <exclude>META-INF/*.SF</exclude>
                    <exclude>META-INF/*.DSA</exclude>
                    <exclude>META-INF/*.RSA</exclude>
                  </excludes>
                </filter>
              </filters>
              <transformers>
                <transformer implementation="org.apache.maven.plugins.shade.resource.ServicesResourceTransformer"/>
                <transformer implementation="org.apache.maven.plugins.shade.resource.ManifestResourceTransformer">
                  <mainClass>job.Job</mainClass>
                </transformer>
              </transformers>
            </configuration>
          </execution>
        </executions>
      </plugin>
    </plugins>
  </build>
</project>
`;
}
