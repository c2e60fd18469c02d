import * as vscode from "vscode";
import { SETTINGS, type SettingId, type SettingValue } from "./manifest/settings";

/** The value of a setting, or its default where it holds something of another type. */
export function readSetting<K extends SettingId>(id: K, scope?: vscode.ConfigurationScope): SettingValue<K> {
  const [section, ...rest] = id.split(".");
  const value: unknown = vscode.workspace.getConfiguration(section, scope).get(rest.join("."));
  const fallback = SETTINGS[id].default;
  return (typeof value === typeof fallback ? value : fallback) as SettingValue<K>;
}
