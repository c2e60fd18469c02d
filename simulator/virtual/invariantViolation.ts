/** Something that must never happen did. `rule` is a short name that stays the same, for telling violations apart. */
export class InvariantViolation extends Error {
  constructor(
    readonly rule: string,
    message: string,
  ) {
    super(`${rule}: ${message}`);
    this.name = "InvariantViolation";
  }
}

/** @throws InvariantViolation */
export function ensure(holds: boolean, rule: string, message: string): asserts holds {
  if (!holds) throw new InvariantViolation(rule, message);
}
