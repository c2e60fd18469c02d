// Mocha's spec reporter, which also leaves the counts in a file for the test command.
const { writeFileSync, rmSync } = require("node:fs");
const { reporters } = require("mocha");

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const output = options.reporterOptions.output;
    rmSync(output, { force: true });
    runner.once("end", () => {
      writeFileSync(output, JSON.stringify({ passed: this.stats.passes, failed: this.stats.failures }));
    });
  }
};
