/** How a fault is healed on a link that swallows the order to heal it: by a file in the run's folder. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const LOOK_MS = 100;

export function isCoordinatorLink(target: string): boolean {
  return /^link:(coordinator->|.*->coordinator$)/.test(target);
}

/** Heals a fault of a link that swallows the order to heal it. */
export function writeHealFile(runDirectory: string, injection: number): void {
  mkdirSync(join(runDirectory, "faults"), { recursive: true });
  writeFileSync(healFile(runDirectory, injection), "");
}

export function watchHealFile(runDirectory: string, injection: number, onHealed: () => void): () => void {
  const file = healFile(runDirectory, injection);
  const timer = setInterval(() => {
    if (!existsSync(file)) return;
    clearInterval(timer);
    rmSync(file, { force: true });
    onHealed();
  }, LOOK_MS);
  return () => clearInterval(timer);
}

function healFile(runDirectory: string, injection: number): string {
  return join(runDirectory, "faults", `heal-${injection}`);
}
