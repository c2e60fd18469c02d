import assert from "node:assert/strict";
import { StepColumns } from "../../webview/model/stepColumns";

const START = 1_795_858_022_650.957;
const HOUR = 3_600_000;

type Step = readonly [at: number, code: number, mark: number];

function columns(steps: readonly Step[]): StepColumns {
  const made = new StepColumns();
  for (const [at, code, mark] of steps) made.push(at, code, mark);
  return made;
}

function read(from: StepColumns): Step[] {
  return Array.from({ length: from.length }, (_, i) => [from.at(i), from.code(i), from.mark(i)]);
}

/** As the journal has them: rounded to the microsecond. */
function moment(ms: number): number {
  return Math.round((START + ms) * 1000) / 1000;
}

describe("columns of steps", () => {
  const series: readonly (readonly [string, readonly Step[]])[] = [
    ["of a few minutes", Array.from({ length: 500 }, (_, i): Step => [moment(i * 311.317), i % 9, i % 256])],
    ["with numbers above 255", Array.from({ length: 500 }, (_, i): Step => [moment(i * 0.001), i % 9, i])],
    ["with numbers above 65,535", Array.from({ length: 300 }, (_, i): Step => [moment(i), 1, i * 1000])],
    ["of days", Array.from({ length: 300 }, (_, i): Step => [moment((i * HOUR) / 3), i % 256, i * 7])],
    ["that begins with something late", [[moment(0), 1, 1] as const, [moment(-2 * HOUR), 2, 2], [moment(3), 3, 3]]],
    ["below zero", [[5, 1, -1] as const, [6, 2, 300], [7, 3, -70_000]]],
  ];
  for (const [name, steps] of series) {
    it(`gives back what went in: a series ${name}`, () => assert.deepEqual(read(columns(steps)), steps));
  }

  it("finds what is not after a moment, to the microsecond", () => {
    const steps = Array.from({ length: 400 }, (_, i): Step => [moment(i * 30_000.003), 0, i]);
    const made = columns(steps);
    for (const [i, [at]] of steps.entries()) {
      assert.equal(made.until(at), i + 1, `at step ${i}`);
      assert.equal(made.until(at - 0.001), i, `before step ${i}`);
    }
  });

  it("finds a moment that was finer than what is kept of it", () => {
    for (const part of [0.0001, 0.0004, 0.0006, 0.0009])
      assert.equal(columns([[1000 + part, 0, 0]]).until(1000 + part), 1);
  });

  it("lets the oldest go, and takes more after that", () => {
    const steps = Array.from({ length: 300 }, (_, i): Step => [moment((i * HOUR) / 3), i % 9, i]);
    const made = columns(steps);
    made.drop(250);
    assert.deepEqual(read(made), steps.slice(250));
    made.push(moment(200 * HOUR), 4, 70_000);
    assert.deepEqual(read(made), [...steps.slice(250), [moment(200 * HOUR), 4, 70_000]]);
    made.drop(made.length);
    made.push(moment(0), 1, 1);
    assert.deepEqual(read(made), [[moment(0), 1, 1]]);
  });

  it("cuts any number off and goes on, however far back, and whatever was read before", () => {
    const steps = Array.from({ length: 120 }, (_, i): Step => [moment(i * i * 17.003), i % 40, (i * 37) % 90]);
    for (const kept of [119, 97, 96, 95, 66, 65, 64, 63, 33, 32, 31, 2, 1, 0]) {
      const made = columns(steps);
      assert.deepEqual(read(made), steps);
      made.cut(kept);
      assert.deepEqual(read(made), steps.slice(0, kept), `${kept} are left`);
      for (const [at, code, mark] of steps.slice(kept)) {
        made.push(at, code, mark);
        assert.equal(made.mark(made.length - 1), mark);
        if (made.length > 1) assert.equal(made.code(made.length - 2), steps[made.length - 2]?.[1]);
      }
      assert.deepEqual(read(made), steps, `after ${kept} were left`);
      assert.equal(made.until(moment(1e9)), 120);
    }
  });

  it("writes another code over any of them", () => {
    const steps = Array.from({ length: 70 }, (_, i): Step => [moment(i), i % 40, i]);
    for (const index of [0, 31, 32, 68, 69]) {
      const made = columns(steps);
      made.setCode(index, 200);
      assert.deepEqual(
        read(made),
        steps.map(([at, code, mark], i) => [at, i === index ? 200 : code, mark]),
      );
    }
  });

  it("cuts the newest off and goes on", () => {
    const made = columns([
      [moment(0), 1, 1],
      [moment(1), 2, 2],
    ]);
    made.cut(0);
    made.push(moment(5 * HOUR), 3, 3);
    assert.deepEqual(read(made), [[moment(5 * HOUR), 3, 3]]);
  });
});
