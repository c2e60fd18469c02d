/**
 * A person's own functions: modules compiled once a run, checked without being run, loaded in the TaskManagers, and errors in them
 * traced back to the person's own source.
 */
import { readFile } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { TraceMap, originalPositionFor } from "@jridgewell/trace-mapping";
import type { BuildFailure, Loader, Message, Plugin } from "esbuild";
import { FaultlineError } from "../graph/errors";
import type { Problem } from "../graph/errors";
import type { FunctionRef, JobSpec } from "../graph/jobFile";
import { hashText } from "./keyGroup";

/** Absolute path of a module in a job file → the CommonJS file compiled from it. */
export type FunctionModules = Readonly<Record<string, string>>;

/** Where in the person's source something is. Line and column count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Every function that a job names, with the element of the job file that names it. */
export function functionRefs(job: JobSpec): readonly { readonly ref: FunctionRef; readonly element: string }[] {
  const refs: { ref: FunctionRef; element: string }[] = [];
  const add = (ref: FunctionRef | undefined, element: string): void => {
    if (ref !== undefined) {
      refs.push({ ref, element });
    }
  };
  for (const operator of job.operators) {
    const at = `operators.${operator.id}`;
    switch (operator.kind) {
      case "source":
        add(operator.source.connector.kind === "generator" ? operator.source.connector.function : undefined, at);
        break;
      case "map":
      case "flatMap":
      case "filter":
      case "process":
      case "async":
        add(operator.function, at);
        break;
      case "window":
        add(operator.aggregate === "count" ? undefined : operator.aggregate, at);
        break;
      case "rpc":
        add(operator.rpc.request, at);
        add(operator.rpc.response, at);
        break;
    }
  }
  for (const service of job.services) {
    // One that another job or another machine runs is not compiled here.
    if (service.attached !== true && service.deployment !== "external")
      add(service.function, `services.${service.id}.function`);
  }
  for (const edge of job.edges) {
    const at = `edges.${edge.from}->${edge.to}`;
    add(edge.key?.kind === "function" ? edge.key.function : undefined, at);
    add(edge.partitioner, at);
  }
  return refs;
}

/**
 * Compiles the modules of a job's functions, each bundled with what it imports, and checks that every named export is there. Nothing of
 * them is run. Problems: FL1020 for a module or an export that is not there, FL1021 for one that does not compile.
 */
export async function compileFunctions(
  job: JobSpec,
  outDirectory: string,
): Promise<{ readonly modules: FunctionModules; readonly problems: readonly Problem[] }> {
  const refs = functionRefs(job);
  const modules: Record<string, string> = {};
  const problems: Problem[] = [];
  await Promise.all(
    [...new Set(refs.map(({ ref }) => ref.module))].map(async (module) => {
      const named = refs.filter(({ ref }) => ref.module === module);
      if (!existsSync(module)) {
        problems.push({
          code: "FL1020",
          message: `The module ${module} is not there.`,
          location: { file: job.file, element: named[0].element },
          hint: "Write the path of a .js or .ts module, relative to the job file, then # and the name of an export.",
        });
        return;
      }
      const compiled = await compileModule(module, outDirectory);
      if (compiled.kind === "failed") {
        problems.push(...compiled.messages.map((message) => buildProblem(module, message)));
        return;
      }
      modules[module] = compiled.file;
      for (const { ref, element } of named) {
        if (compiled.exports !== undefined && !compiled.exports.includes(ref.exportName)) {
          problems.push({
            code: "FL1020",
            message: `${module} exports no "${ref.exportName}".`,
            location: { file: job.file, element },
            hint: compiled.exports.length === 0 ? "It exports nothing." : `It exports: ${compiled.exports.join(", ")}.`,
          });
        }
      }
    }),
  );
  return { modules, problems };
}

type Compiled =
  | {
      readonly kind: "compiled";
      readonly file: string;
      /** `undefined` for CommonJS, which tells them only when it runs. */ readonly exports:
        readonly string[] | undefined;
    }
  | { readonly kind: "failed"; readonly messages: readonly Message[] };

async function compileModule(module: string, outDirectory: string): Promise<Compiled> {
  const name = `${basename(module, extname(module))}-${hashText(module).toString(16)}.cjs`;
  const file = join(outDirectory, name);
  const options = {
    entryPoints: [module],
    bundle: true,
    platform: "node" as const,
    target: "node20",
    logLevel: "silent" as const,
    plugins: [keepPlaces],
    outfile: file,
  };
  // Only whoever starts a run compiles; TaskManagers load what was compiled.
  const { build } = await import("esbuild");
  try {
    const [, checked] = await Promise.all([
      build({ ...options, format: "cjs", sourcemap: "linked", sourcesContent: false }),
      build({ ...options, metafile: true, format: "esm", write: false }),
    ]);
    const output = Object.values(checked.metafile.outputs)[0];
    const input = checked.metafile.inputs[output.entryPoint ?? ""];
    return { kind: "compiled", file, exports: input?.format === "cjs" ? undefined : output.exports };
  } catch (error) {
    const messages = (error as Partial<BuildFailure>).errors;
    if (messages === undefined) {
      throw error;
    }
    return { kind: "failed", messages };
  }
}

function buildProblem(module: string, message: Message): Problem {
  const { location } = message;
  return {
    code: "FL1021",
    message: `${message.text.replace(/\.$/, "")}.`,
    location:
      location === null ? { file: module } : { file: location.file, line: location.line, column: location.column + 1 },
  };
}

/** Compiled code lies elsewhere: what asks for its own place gets that of the source, and native add-ons are loaded from where they are. */
const keepPlaces: Plugin = {
  name: "keep-places",
  setup(context) {
    context.onResolve({ filter: /\.node$/ }, async (args) => {
      if (args.pluginData === keepPlaces) {
        return undefined;
      }
      const found = await context.resolve(args.path, { ...pick(args), pluginData: keepPlaces });
      return { path: found.path, errors: found.errors, external: true };
    });
    context.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      if (!/\b(?:__dirname|__filename|import\.meta)\b/.test(source)) {
        return undefined;
      }
      const { transform } = await import("esbuild");
      const loader = extname(path).replace(/^\.[cm]?/, "") as Loader;
      try {
        const { code } = await transform(source, {
          loader,
          sourcefile: path,
          sourcemap: "inline",
          sourcesContent: false,
          define: {
            __dirname: JSON.stringify(dirname(path)),
            __filename: JSON.stringify(path),
            "import.meta.url": JSON.stringify(pathToFileURL(path).href),
            "import.meta.dirname": JSON.stringify(dirname(path)),
            "import.meta.filename": JSON.stringify(path),
          },
        });
        return { contents: code, loader: "js", resolveDir: dirname(path) };
      } catch (error) {
        return { errors: (error as BuildFailure).errors };
      }
    });
  },
};

function pick({
  importer,
  resolveDir,
  kind,
}: {
  importer: string;
  resolveDir: string;
  kind:
    | "entry-point"
    | "import-statement"
    | "require-call"
    | "dynamic-import"
    | "require-resolve"
    | "import-rule"
    | "composes-from"
    | "url-token";
}): {
  importer: string;
  resolveDir: string;
  kind: typeof kind;
} {
  return { importer, resolveDir, kind };
}

/**
 * Loads a compiled function. Throws FL1020 when the module does not export it, FL1021 with the position in the person's source when the
 * module throws while it is loaded.
 */
export function loadFunction(ref: FunctionRef, modules: FunctionModules): unknown {
  const file = modules[ref.module];
  if (file === undefined) {
    throw FaultlineError.of("FL1020", `The module ${ref.module} was not compiled.`);
  }
  let exports: Record<string, unknown>;
  try {
    exports = createRequire(file)(file) as Record<string, unknown>;
  } catch (error) {
    const position = positionInSource(error, modules);
    throw FaultlineError.of(
      "FL1021",
      `The module ${ref.module} failed to load: ${errorText(error)}`,
      position === undefined ? undefined : `See ${formatPosition(position)}.`,
      position ?? { file: ref.module },
      error,
    );
  }
  const found = exports[ref.exportName];
  if (found === undefined) {
    throw FaultlineError.of(
      "FL1020",
      `${ref.module} exports no "${ref.exportName}".`,
      `It exports: ${Object.keys(exports).join(", ") || "nothing"}.`,
      { file: ref.module },
    );
  }
  return found;
}

/** What an error says, also when something else than an Error was thrown. */
export function errorText(error: unknown): string {
  const text =
    error instanceof Error ? `${error.name === "Error" ? "" : `${error.name}: `}${error.message}` : String(error);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

export function formatPosition({ file, line, column }: SourcePosition): string {
  return `${file}:${line}:${column}`;
}

interface SourceMap {
  readonly map: TraceMap;
  /** Absolute paths. */
  readonly sources: ReadonlySet<string>;
}

const sourceMaps = new Map<string, SourceMap | undefined>();

function sourceMapOf(compiledFile: string): SourceMap | undefined {
  if (!sourceMaps.has(compiledFile)) {
    let found: SourceMap | undefined;
    try {
      const mapFile = `${compiledFile}.map`;
      const map = new TraceMap(readFileSync(mapFile, "utf8"), pathToFileURL(mapFile).href);
      const sources = map.resolvedSources.flatMap((source) => (source === null ? [] : [sourcePath(source)]));
      found = { map, sources: new Set(sources) };
    } catch {
      found = undefined;
    }
    sourceMaps.set(compiledFile, found);
  }
  return sourceMaps.get(compiledFile);
}

function sourcePath(source: string): string {
  return source.startsWith("file:") ? fileURLToPath(source) : source;
}

/**
 * The innermost place in the person's own source that an error passed through: the topmost frame of its stack in a compiled module, the
 * person's own code before that of packages it uses. `undefined` when there is none.
 */
export function positionInSource(error: unknown, modules: FunctionModules): SourcePosition | undefined {
  if (!(error instanceof Error) || typeof error.stack !== "string") {
    return undefined;
  }
  const maps = Object.values(modules).flatMap((file) => {
    const map = sourceMapOf(file);
    return map === undefined ? [] : [{ file, ...map }];
  });
  let inPackage: SourcePosition | undefined;
  for (const [, place, lineText, columnText] of error.stack.matchAll(/^ {4}at (?:.* \()?(.+?):(\d+):(\d+)\)?$/gm)) {
    const file = sourcePath(place);
    const [line, column] = [Number(lineText), Number(columnText)];
    const position = maps
      .map(({ file: compiled, map, sources }): SourcePosition | undefined => {
        if (compiled === file) {
          const found = originalPositionFor(map, { line, column: column - 1 });
          return found.source === null
            ? undefined
            : { file: sourcePath(found.source), line: found.line, column: found.column + 1 };
        }
        // Node run with --enable-source-maps has traced the frame back already.
        return sources.has(file) ? { file, line, column } : undefined;
      })
      .find((found) => found !== undefined);
    if (position !== undefined) {
      if (!/[\\/]node_modules[\\/]/.test(position.file)) {
        return position;
      }
      inPackage ??= position;
    }
  }
  return inPackage;
}
