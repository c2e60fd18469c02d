// Mocha's spec reporter, which also leaves the counts and what failed in a file for the test command.
const { writeFileSync, rmSync } = require("node:fs");
const { reporters } = require("mocha");

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const output = options.reporterOptions.output;
    rmSync(output, { force: true });
    const failures = [];
    runner.on("fail", (test, error) => failures.push({ title: test.fullTitle(), reason: String(error?.stack ?? error) }));
    runner.once("end", () => {
      writeFileSync(output, JSON.stringify({ passed: this.stats.passes, failed: this.stats.failures, failures }));
    });
  }
};
