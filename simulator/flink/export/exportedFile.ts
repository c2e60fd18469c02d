/** A file of an export: its path below the folder, and its text or the file that it is a copy of. */
export type ExportedFile =
  | { readonly path: string; readonly text: string }
  | { readonly path: string; /** Absolute. */ readonly copyOf: string };

export interface ExportedProject {
  readonly files: readonly ExportedFile[];
  /** What the person has to do, or should know, in sentences. */
  readonly notes: readonly string[];
}

/** `Language detection` → `language-detection`: for names of projects, models and Kubernetes objects. */
export function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
  return slug === "" ? "job" : /^[0-9]/.test(slug) ? `job-${slug}` : slug;
}
