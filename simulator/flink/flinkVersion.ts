/** Versions of Flink: which there are, and which are supported. */
export interface FlinkVersion {
  readonly major: number;
  readonly minor: number;
  /** As Flink says it, `2.3.0` or `2.0-SNAPSHOT`. */
  readonly text: string;
}

export const OLDEST_FLINK = "1.20";

/** `undefined` for what is no version. */
export function parseFlinkVersion(text: string): FlinkVersion | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})(?:[.-][\w.-]{0,40})?$/.exec(text.trim());
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]), text: text.trim() };
}

/** 1.20 and everything after it. */
export function isSupported({ major, minor }: FlinkVersion): boolean {
  return major > 1 || (major === 1 && minor >= 20);
}

export function versionText(version: FlinkVersion): string {
  return version.text;
}
