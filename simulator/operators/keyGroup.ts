/**
 * Which subtask a key belongs to. Keys are compared by their JSON text; the text is hashed to a key group and key groups are
 * spread over the subtasks, so that the parallelism may change without keys being hashed anew. Flink's `KeyGroupRangeAssignment`.
 */

/** Flink's `pipeline.max-parallelism` for a small job. */
export const DEFAULT_MAX_PARALLELISM = 128;

/**
 * Into how many groups the keys of an operator fall: what it says itself, else enough for its parallelism. Flink's default grows by powers
 * of two above 85; here it stays at 128 until the parallelism is greater.
 */
export function maxParallelismOf(configured: number | undefined, parallelism: number): number {
  return configured ?? Math.max(DEFAULT_MAX_PARALLELISM, parallelism);
}

/** A stable, well mixed hash of a text: FNV-1a over its UTF-16 units and MurmurHash3's finalizer; 32 bits, unsigned. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export function keyGroupOf(keyText: string, maxParallelism: number): number {
  return hashText(keyText) % maxParallelism;
}

/** The subtask that a key group belongs to. */
export function subtaskOfKeyGroup(keyGroup: number, maxParallelism: number, parallelism: number): number {
  return Math.floor((keyGroup * parallelism) / maxParallelism);
}
