/** The fault `poison`: a record that throws when an operator first looks at it. */

/**
 * The record, armed: reading anything of it throws once; afterwards it is as it was, so that an error message can show it.
 * @param onThrow told when it threw.
 */
export function poisoned(record: unknown, onThrow: () => void): unknown {
  let armed = true;
  const bite = (): void => {
    if (!armed) return;
    armed = false;
    onThrow();
    throw new TypeError("this record is poisoned");
  };
  const target = typeof record === "object" && record !== null ? record : (Object(record) as object);
  return new Proxy(target, {
    get: (of, key) => {
      bite();
      const value: unknown = Reflect.get(of, key, of);
      return typeof value === "function" ? (value.bind(of) as unknown) : value;
    },
    has: (of, key) => {
      bite();
      return Reflect.has(of, key);
    },
    ownKeys: (of) => {
      bite();
      return Reflect.ownKeys(of);
    },
  });
}
