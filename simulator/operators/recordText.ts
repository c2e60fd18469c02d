/** A record as text for a message to a person: JSON, short. */
const MAX_LENGTH = 200;

export function recordText(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part === "bigint") {
        return part.toString();
      }
      if (ArrayBuffer.isView(part) && !(part instanceof DataView)) {
        const array = part as unknown as { length: number; constructor: { name: string } } & ArrayLike<unknown>;
        return `${array.constructor.name}(${array.length})`;
      }
      return part;
    });
  } catch {
    text = undefined;
  }
  text ??= String(value);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
