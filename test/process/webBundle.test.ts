/** The bundle for browsers: it loads where there is nothing of Node, as in the web worker that VS Code for the Web runs it in. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { ROOT } from "./faultlineCli";

/** What a web worker has and the bundle may use while it loads; nothing of Node is among it. */
const WEB_GLOBALS = {
  URL,
  TextDecoder,
  TextEncoder,
  AbortController,
  crypto,
  performance,
  setTimeout,
  clearTimeout,
  queueMicrotask,
  structuredClone,
  atob,
  btoa,
};

describe("the bundle for browsers", () => {
  it("asks for nothing but VS Code's own module, and exports what it is activated by", () => {
    const asked: string[] = [];
    const module = { exports: {} as { readonly activate?: unknown } };
    // Whatever is named of it while loading is there; what it does is tried in a real worker (see the story webExtension).
    const vscode: object = new Proxy(class {}, {
      get: (_target, key) => (key === Symbol.toPrimitive ? () => "" : vscode),
    });
    const load = (name: string): unknown => {
      asked.push(name);
      if (name !== "vscode") throw new Error(`There is no module ${name} in a browser.`);
      // As a prototype: names are looked up in it, whatever the bundle copies of the module first.
      return Object.create(vscode) as object;
    };
    const context = createContext({ ...WEB_GLOBALS, module, exports: module.exports, require: load });
    runInContext(readFileSync(join(ROOT, "dist", "web", "extension.js"), "utf8"), context);
    assert.equal(typeof module.exports.activate, "function");
    assert.deepEqual([...new Set(asked)], ["vscode"]);
  });
});
