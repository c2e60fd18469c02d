/** Waiting in the editor tests: until something holds, with a limit that says what did not come. */

export interface WaitOptions {
  readonly limitMs?: number;
  /** Between two looks. */
  readonly everyMs?: number;
  /** What to add to the error when the limit has passed. */
  readonly onLimit?: () => string | Promise<string>;
}

/**
 * Looks again and again until `look` gives something other than undefined or false, and returns that.
 * An error thrown by `look` counts as "not yet"; the last one is named when the limit has passed.
 *
 * @throws Error "Waited N ms in vain for WHAT."
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions = {},
): Promise<T> {
  const { limitMs = 20_000, everyMs = 50, onLimit } = options;
  const end = Date.now() + limitMs;
  for (;;) {
    let last: unknown;
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= end) {
      const more = onLimit === undefined ? "" : `\n${await onLimit()}`;
      const why = last instanceof Error ? ` The last look failed: ${last.message}` : "";
      throw new Error(`Waited ${limitMs} ms in vain for ${what}.${why}${more}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Whether it came to hold within the limit. */
export async function holdsWithin(limitMs: number, look: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await until("a condition", look, { limitMs });
  } catch {
    return false;
  }
}

/**
 * The promise's result, or an error when it takes longer than the limit.
 *
 * @throws Error "WHAT took longer than N ms."
 */
export async function within<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${limitMs} ms.`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
