/** Looks at a run's output while it goes on: a file once committed has to stay as it is, for somebody may have read it. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const INTERVAL_MS = 20;

export class CommitWatch {
  /** One sentence for each file that went away or became another. */
  readonly takenBack: string[] = [];
  /** Path → inode and length. */
  private readonly seen = new Map<string, string>();
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly runDirectory: string) {
    this.timer = setInterval(() => this.look(), INTERVAL_MS);
  }

  look(): void {
    const there = new Map(this.committed());
    for (const [path, identity] of this.seen) {
      if (there.get(path) === identity) continue;
      this.takenBack.push(`${path} had been committed and was ${there.has(path) ? "replaced" : "removed"}`);
      this.seen.delete(path);
    }
    for (const [path, identity] of there) this.seen.set(path, identity);
  }

  end(): void {
    clearInterval(this.timer);
  }

  private committed(): [string, string][] {
    const output = join(this.runDirectory, "output");
    return list(output).flatMap((sink) =>
      list(join(output, sink)).flatMap((name): [string, string][] => {
        const path = join("output", sink, name);
        const found = name.startsWith("part-")
          ? statSync(join(this.runDirectory, path), { throwIfNoEntry: false })
          : undefined;
        return found === undefined ? [] : [[path, `${found.ino} ${found.size}`]];
      }),
    );
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
