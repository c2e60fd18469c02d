/** The settings, once: what the manifest says of each, and the type and default by which `readSetting` reads it. */
export interface SettingContribution {
  readonly type: "boolean" | "string" | "number";
  readonly default: boolean | string | number;
  readonly markdownDescription: string;
  readonly enum?: readonly string[];
  readonly enumDescriptions?: readonly string[];
  /** `machine`: a workspace cannot set it, because it names a program to start. */
  readonly scope?: "machine" | "machine-overridable" | "resource" | "window";
  readonly minimum?: number;
  readonly maximum?: number;
}

export const SETTINGS = {
  "faultline.graph.openOnRun": {
    type: "boolean",
    default: true,
    markdownDescription: "Open the job graph beside the job file when a run of it starts.",
    scope: "window",
  },
  "faultline.report.openWhenRunEnds": {
    type: "boolean",
    default: false,
    markdownDescription: "Open the recovery report by itself when a run ends.",
    scope: "window",
  },
  "faultline.run.node": {
    type: "string",
    default: "",
    markdownDescription:
      "Path of the Node.js executable (version 20.19 or later) that runs the processes of a job. Empty: the one that comes with the editor.",
    scope: "machine",
  },
  "faultline.flink.clusters": {
    type: "string",
    default: "",
    markdownDescription:
      "Addresses of Flink clusters (`http://HOST:8081`), with commas between them. Headers, such as a token, are kept in the secret storage: *Faultline: Set Header for Flink Cluster*.",
    scope: "machine",
  },
  "faultline.flink.certificateAuthority": {
    type: "string",
    default: "",
    markdownDescription:
      "PEM file of the authority that signed the certificates of your Flink clusters (`https://…`), where the system does not know it.",
    scope: "machine",
  },
  "faultline.flink.certificate": {
    type: "string",
    default: "",
    markdownDescription: "PEM file of your own certificate, for Flink clusters that ask for one.",
    scope: "machine",
  },
  "faultline.flink.key": {
    type: "string",
    default: "",
    markdownDescription: "PEM file of the key of `#faultline.flink.certificate#`.",
    scope: "machine",
  },
} as const satisfies Readonly<Record<`faultline.${string}`, SettingContribution>>;

export type SettingId = keyof typeof SETTINGS;
type Widened<T> = T extends boolean ? boolean : T extends number ? number : T extends string ? string : never;
export type SettingValue<K extends SettingId> = Widened<(typeof SETTINGS)[K]["default"]>;
