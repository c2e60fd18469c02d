/** The job that `New Job…` writes when there is no model yet: records made by a function, changed by one, counted by key. */

/** Path relative to the job's folder → content. The job runs as it is. */
export function functionJobFiles(name: string): Readonly<Record<string, string>> {
  return {
    [`${name}.faultline.json`]: jobFile(name),
    "functions/readings.ts": FUNCTIONS,
  };
}

function jobFile(name: string): string {
  return `// Readings of sensors, made by a function, are checked by another and counted for each sensor.
{
  "name": ${JSON.stringify(name)},
  "runtime": {
    "parallelism": 2,
    "taskManagers": 2,
    "slots": 1,
    "checkpointing": { "interval": "1s" }
  },
  "operators": {
    "readings": {
      "type": "source",
      "connector": "generator",
      "function": "functions/readings.ts#makeReading",
      "rate": 500,
      "limit": 30000,
      "eventTime": { "field": "at" }
    },
    "check": { "type": "map", "function": "functions/readings.ts#check" },
    "perSensor": {
      "type": "window",
      "window": { "type": "tumbling", "size": "5s", "time": "event" },
      "aggregate": "count"
    },
    "counts": { "type": "sink", "connector": "file", "path": "counts" },
    // Every reading once more by itself, so that loss and duplication are counted record by record.
    "all": { "type": "sink", "connector": "file", "path": "all", "identity": "id" }
  },
  "edges": [
    { "from": "readings", "to": "check" },
    { "from": "check", "to": "perSensor", "ship": "HASH", "key": "sensor" },
    { "from": "perSensor", "to": "counts" },
    { "from": "check", "to": "all" }
  ]
}
`;
}

const FUNCTIONS = `/** The functions of this job. They run in the TaskManagers, once for each record. */

interface Reading {
  readonly id: number;
  readonly sensor: string;
  readonly celsius: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
}

const START = Date.UTC(2026, 0, 1);

/** Record \`index\`. It depends on its arguments alone, so that a replay after a failure makes the same record again. */
export function makeReading(index: number, seed: number): Reading {
  const noise = Math.abs(Math.sin(index * 12.9898 + seed) * 43758.5453) % 1;
  return { id: index, sensor: \`sensor-\${index % 8}\`, celsius: 18 + 10 * noise, at: START + index * 2 };
}

export function check(reading: Reading): Reading & { readonly alarm: boolean } {
  return { ...reading, alarm: reading.celsius > 27.5 };
}
`;
