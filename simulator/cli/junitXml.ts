/** Verdicts as JUnit XML, the form that CI systems read: an experiment is a suite, a hypothesis a test case. */
import type { ExperimentResult } from "../client/runExperiment";
import type { HypothesisResult } from "../faults/verdict";

export function junitXml(results: readonly ExperimentResult[]): string {
  const suites = results.map((result) => {
    const cases = result.hypothesis.map((hypothesis) => testCase(result.experiment, hypothesis.name, failureOf(hypothesis)));
    if (result.reasons.length > 0) cases.push(testCase(result.experiment, "the experiment as a whole", result.reasons.join(" ")));
    const failures = cases.filter((text) => text.includes("<failure")).length;
    const seconds = (result.report.run.durationMs / 1000).toFixed(3);
    return `  <testsuite name="${escape(result.experiment)}" tests="${cases.length}" failures="${failures}" time="${seconds}">\n${cases.join("\n")}\n  </testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join("\n")}\n</testsuites>\n`;
}

/** What has to be broken fails the suite when it holds: the hypothesis would be no test of anything. */
function failureOf({ held, mustFail, observed, expected }: HypothesisResult): string | undefined {
  const seen = `observed ${observed ?? "nothing"}, expected ${expected}`;
  if (mustFail && observed !== null) return held ? `${seen}: held, though the faults have to break it` : undefined;
  return held ? undefined : seen;
}

function testCase(suite: string, name: string, failure: string | undefined): string {
  const open = `    <testcase classname="${escape(suite)}" name="${escape(name)}"`;
  return failure === undefined ? `${open}/>` : `${open}>\n      <failure message="${escape(failure)}"/>\n    </testcase>`;
}

/** XML 1.0 text: markup escaped, characters that XML does not allow left out. */
function escape(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };
  return text.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, "").replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
