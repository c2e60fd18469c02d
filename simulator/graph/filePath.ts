/**
 * Paths as text: relative paths of a job file resolved against the file's folder, without touching a file system.
 * Both separators are understood everywhere, so that a job file written on Windows works elsewhere.
 */

const DRIVE = /^[A-Za-z]:(?=[\\/]|$)/;

export function isAbsolutePath(path: string): boolean {
  return path.startsWith("/") || path.startsWith("\\\\") || DRIVE.test(path);
}

/** `path` as seen from the folder of `file`; an absolute `path` is only tidied. Keeps the separator of `file` (`\` for Windows paths). */
export function resolveFrom(file: string, path: string): string {
  if (isAbsolutePath(path)) return tidy(path);
  const folder = file.replace(/[^\\/]*$/, "");
  return tidy(folder + path);
}

/** Last part of a path. */
export function fileName(path: string): string {
  return /[^\\/]*$/.exec(path)?.[0] ?? path;
}

function tidy(path: string): string {
  const windows = DRIVE.test(path) || path.startsWith("\\\\");
  const separator = windows ? "\\" : "/";
  const root = windows ? (path.startsWith("\\\\") ? "\\\\" : `${path.slice(0, 2)}\\`) : path.startsWith("/") ? "/" : "";
  const rest = windows && !path.startsWith("\\\\") ? path.slice(2) : path;
  const parts: string[] = [];
  for (const part of rest.split(/[\\/]+/)) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || root === "") parts.push(part);
  }
  return root + parts.join(separator) || ".";
}
