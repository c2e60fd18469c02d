import type { ScaleLinear } from "d3";

/**
 * Where moments lie: what the scale says, to the last digit, without its calls within calls. Of a long journal a hundred thousand moments are
 * asked for each drawing.
 */
export function pixelsOf(scale: ScaleLinear<number, number>): (moment: number) => number {
  const [from, to] = scale.domain();
  const [left, right] = scale.range();
  const length = to - from;
  if (!(length > 0)) return scale;
  return (moment) => {
    const share = (moment - from) / length;
    return left * (1 - share) + right * share;
  };
}
