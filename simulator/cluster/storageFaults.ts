/** Faults of the storage of checkpoints: what is written goes to a device on which the kernel fails. */
import { rm, symlink } from "node:fs/promises";
import type { FaultWork, FaultWorks } from "./faultPerformer";

/** What stands between the checkpoints of a process and their folder; empty while no fault is active. */
export class CheckpointStorageFaults {
  private readonly active = new Map<number, { readonly device: string; readonly seen: (evidence: string) => void }>();

  /** To be called before a file is opened for writing; makes it one that cannot be written. */
  async beforeWrite(file: string): Promise<void> {
    const [fault] = this.active.values();
    if (fault === undefined) return;
    await rm(file, { force: true });
    await symlink(fault.device, file);
  }

  /** The write failed. */
  onError(file: string, error: unknown): void {
    for (const { seen } of this.active.values()) seen(`writing ${file} failed: ${(error as Error).message}`);
  }

  works(): FaultWorks {
    const on =
      (device: string): FaultWork =>
      ({ injection }, observer) => {
        this.active.set(injection, { device, seen: (evidence) => observer.effective(evidence) });
        return () => void this.active.delete(injection);
      };
    // Address 0 of a process is never mapped: a write there is an I/O error.
    return { "storage-full": on("/dev/full"), "storage-error": on("/proc/self/mem") };
  }
}
