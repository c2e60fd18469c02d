import { join } from "node:path";
import * as vscode from "vscode";
import { loadBundle } from "../bundles/loadBundle";
import { DEBUG_TYPE } from "../manifest/viewTypes";
import type { RunStore } from "../runs/runStore";
import { JobDebugConfigurationProvider } from "./jobDebugConfiguration";

/** F5: the debug type `faultline`. */
export function registerDebug(
  runs: RunStore,
  extensionPath: string,
  ready: (job: vscode.Uri) => Promise<boolean>,
): vscode.Disposable {
  const provider = new JobDebugConfigurationProvider(ready);
  const { Initial, Dynamic } = vscode.DebugConfigurationProviderTriggerKind;
  return vscode.Disposable.from(
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, provider, Initial),
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, provider, Dynamic),
    vscode.debug.registerDebugAdapterDescriptorFactory(DEBUG_TYPE, {
      createDebugAdapterDescriptor: (session) => {
        const { JobDebugAdapter } = loadBundle("extensionDebug");
        return new vscode.DebugAdapterInlineImplementation(
          new JobDebugAdapter(session, runs, join(extensionPath, "dist")),
        );
      },
    }),
  );
}
