/** Times and rates in reports: to a thousandth. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

export function rounded(value: number | null | undefined): number | null {
  return value === null || value === undefined ? null : round(value);
}
