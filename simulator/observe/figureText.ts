/** Figures as people read them, the same on every machine: no locale. */

/** `9 ms`, `0.85 ms`, `1.24 s`, `2 min 5 s`, `3 h 4 min`. */
export function durationText(ms: number): string {
  const size = Math.abs(ms);
  if (size < 0.995) return `${trimmed(ms, 2)} ms`;
  if (size < 9.95) return `${trimmed(ms, 1)} ms`;
  if (size < 999.5) return `${Math.round(ms)} ms`;
  if (size < 9_995) return `${trimmed(ms / 1000, 2)} s`;
  if (size < 59_950) return `${trimmed(ms / 1000, 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? "" : ` ${seconds % 60} s`}`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? "" : ` ${minutes % 60} min`}`;
}

/** `12,345`; `0.42`, `12.3` where a fraction says something. */
export function countText(value: number): string {
  const size = Math.abs(value);
  const text = Number.isInteger(value) || size >= 100 ? String(Math.round(value)) : trimmed(value, size < 1 ? 2 : 1);
  const [whole = "", fraction] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** `12 %`, `0.4 %` for 0.12, 0.004. */
export function shareText(share: number): string {
  const percent = share * 100;
  return `${Math.abs(percent) < 1 && percent !== 0 ? trimmed(percent, 1) : Math.round(percent)} %`;
}

/** `1 stream task`, `2 stream tasks`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** `messages#0–3, classify#1`: runs of subtasks of a vertex in one, and no more than `most` of them. */
export function subtasksText(names: readonly string[], most = 6): string {
  const byVertex = new Map<string, number[]>();
  for (const name of names) {
    const hash = name.lastIndexOf("#");
    const index = hash === -1 ? Number.NaN : Number(name.slice(hash + 1));
    const vertex = Number.isInteger(index) ? name.slice(0, hash) : name;
    const list = byVertex.get(vertex) ?? [];
    byVertex.set(vertex, list);
    if (Number.isInteger(index)) list.push(index);
  }
  const parts: string[] = [];
  for (const [vertex, indexes] of byVertex) {
    if (indexes.length === 0) parts.push(vertex);
    indexes.sort((a, b) => a - b);
    for (let from = 0; from < indexes.length;) {
      let to = from;
      while (indexes[to + 1] === (indexes[to] ?? 0) + 1) to += 1;
      parts.push(`${vertex}#${indexes[from]}${to > from ? `–${indexes[to]}` : ""}`);
      from = to + 1;
    }
  }
  return parts.length > most ? `${parts.slice(0, most).join(", ")} and ${parts.length - most} more` : parts.join(", ");
}

function trimmed(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.?0+$/, "") || "0";
}
