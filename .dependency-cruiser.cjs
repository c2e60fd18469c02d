/** The walls between the folders, and no import cycles, type-only imports included. */
const simulator = "^simulator/";
/** Which parts of simulator/ a part may import, besides itself. */
const allowed = {
  graph: [],
  core: ["graph", "observe"],
  proto: ["graph"],
  observe: ["graph"],
  faults: ["graph", "core", "observe"],
  operators: ["graph", "core", "observe", "proto", "inference"],
  inference: ["graph", "core", "observe", "proto"],
  virtual: ["graph", "core", "observe", "faults"],
  cluster: ["graph", "core", "observe", "faults", "proto", "operators", "inference"],
  flink: ["graph", "core", "observe"],
  client: ["graph", "core", "observe", "faults", "proto", "cluster", "virtual", "operators", "inference", "flink"],
  cli: ["graph", "core", "observe", "faults", "proto", "client", "inference", "flink", "virtual"],
};
const parts = Object.entries(allowed).map(([part, others]) => ({
  name: `${part}-imports`,
  comment: `simulator/${part} may import: ${others.join(", ") || "nothing else of simulator/"}`,
  severity: "error",
  from: { path: `${simulator}${part}/` },
  to: { path: simulator, pathNot: [part, ...others].map((name) => `${simulator}${name}/`) },
}));
module.exports = {
  forbidden: [
    ...parts,
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "only-extension-imports-vscode",
      severity: "error",
      from: { path: "^(simulator|webview)/" },
      to: { path: "^vscode$|node_modules/@types/vscode" },
    },
    {
      name: "only-webview-draws",
      severity: "error",
      from: { path: "^(simulator|extension)/" },
      to: { path: "^webview/|node_modules/(d3|d3-[a-z]+|@vscode/webview-ui-toolkit)/", pathNot: "^webview/(simulate/)?protocol\\.ts$" },
    },
    {
      name: "webview-stands-on-pure-parts",
      comment: "The webview runs in a browser: of simulator/ it may use graph, core and observe, which have no I/O there.",
      severity: "error",
      from: { path: "^webview/" },
      to: { path: "^(extension|simulator/(?!graph/|core/|observe/|faults/))" },
    },
    {
      name: "extension-stands-on-client",
      severity: "error",
      from: { path: "^extension/" },
      to: { path: "^simulator/(cluster|virtual|operators|inference|proto|cli)/" },
    },
    {
      name: "pure-parts-have-no-io",
      severity: "error",
      from: { path: "^simulator/(graph|core)/" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "core-speaks-the-journal",
      comment: "Of observe/, core uses the vocabulary alone.",
      severity: "error",
      from: { path: "^simulator/core/" },
      to: { path: "^simulator/observe/(?!journalEvent\\.ts)" },
    },
    {
      name: "pure-parts-use-pure-packages",
      severity: "error",
      from: { path: "^simulator/(graph|core)/" },
      to: { path: "node_modules", pathNot: "node_modules/(jsonc-parser|ajv)/" },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true, pathNot: "^vscode$" } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "node_modules/(?!d3|@vscode|@types/vscode|jsonc-parser|ajv)" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".json"] },
  },
};
