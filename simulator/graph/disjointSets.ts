/** Disjoint sets of the numbers `0 … count − 1` (union by index, path halving); the least member of a set stands for it. */
export class DisjointSets {
  private readonly parent: Int32Array;

  constructor(count: number) {
    this.parent = new Int32Array(count);
    for (let i = 0; i < count; i++) this.parent[i] = i;
  }

  find(member: number): number {
    const { parent } = this;
    let at = member;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]];
      at = parent[at];
    }
    return at;
  }

  /** Merges the sets of `a` and `b`. */
  union(a: number, b: number): void {
    const rootA = this.find(a);
    const rootB = this.find(b);
    if (rootA < rootB) this.parent[rootB] = rootA;
    else this.parent[rootA] = rootB;
  }

  /** Number of the set of each member; sets are numbered by their least member. */
  numbering(): { readonly setOf: Int32Array; readonly count: number } {
    const setOf = new Int32Array(this.parent.length);
    let count = 0;
    for (let i = 0; i < setOf.length; i++) {
      const root = this.find(i);
      setOf[i] = root === i ? count++ : setOf[root];
    }
    return { setOf, count };
  }
}
