/** Faults of records and of checkpoints. */
import type { FaultContext, FaultDefinition } from "./faultDefinition";
import { DURATION } from "./faultParameter";

const perform = {
  inject: (context: FaultContext) => context.perform(),
  heal: (context: FaultContext) => context.endPerforming(),
};

export const RECORD_AND_CHECKPOINT_FAULTS: readonly FaultDefinition[] = [
  {
    name: "poison",
    title: "Poison Record",
    group: "Record",
    description: "A record on which the operator throws, as one that nobody thought of does. With more than one, it poisons the restarted task again.",
    injected: "The next record that arrives at the task throws when it is first looked at; what follows is the operator's own failure.",
    healed: "After so many records, or when it is healed. The record itself is read again from the source and is sound then.",
    targets: ["task"],
    parameters: [{ name: "records", description: "How many records are poisoned, each after the restart that the one before caused.", unit: "count", default: 1, minimum: 1, maximum: 1000 }, DURATION],
    evidence: "reported",
    ...perform,
  },
  {
    name: "checkpoint-declined",
    title: "Checkpoint Declined",
    group: "Checkpoint",
    description: "The task takes its state and then declines the checkpoint, as one that cannot snapshot does.",
    injected: "The task answers the coordinator with a decline instead of an acknowledgement.",
    healed: "After so many checkpoints, or when it is healed.",
    targets: ["task"],
    parameters: [{ name: "checkpoints", description: "How many checkpoints it declines.", unit: "count", default: 1, minimum: 1, maximum: 1000 }, DURATION],
    evidence: "reported",
    ...perform,
  },
  {
    name: "storage-full",
    title: "Storage Full",
    group: "Checkpoint",
    description: "Checkpoints cannot be written because the disk is full: state files of a TaskManager, or the coordinator's metadata.",
    injected: "Files are written to the system's full device (/dev/full); the kernel answers ENOSPC.",
    healed: "Files are written to their folder again.",
    targets: ["taskmanager", "coordinator"],
    parameters: [DURATION],
    evidence: "reported",
    available: ({ fullDevice }) => (fullDevice ? undefined : "This system has no device that is always full (/dev/full)."),
    ...perform,
  },
  {
    name: "storage-error",
    title: "Storage Error",
    group: "Checkpoint",
    description: "Checkpoints cannot be written because the device fails: state files of a TaskManager, or the coordinator's metadata.",
    injected: "Files are written to a device that cannot take them; the kernel answers EIO.",
    healed: "Files are written to their folder again.",
    targets: ["taskmanager", "coordinator"],
    parameters: [DURATION],
    evidence: "reported",
    available: ({ failingDevice }) => (failingDevice ? undefined : "This system has no device whose writes fail (Linux)."),
    ...perform,
  },
  {
    name: "damaged-file",
    title: "Damaged File",
    group: "Checkpoint",
    description: "What the latest checkpoint keeps is damaged on the disk: the state file of a task, or (target coordinator) the checkpoint's metadata. It shows at the next restore, which goes back to the checkpoint before; what sinks had committed since is taken back and made again.",
    injected: "Sixteen bytes in the middle of the file are turned around.",
    healed: "The file is put back as it was. A checkpoint that a restore has gone back behind is deleted, and does not come back.",
    targets: ["task", "coordinator"],
    parameters: [DURATION],
    evidence: "reported",
    inject: (context) => context.damageCheckpoint(),
    heal: (context) => context.repairCheckpoint(),
  },
];
