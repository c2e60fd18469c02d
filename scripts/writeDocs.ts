/** Writes the pages of `docs/` that are made from the program: `npx tsx scripts/writeDocs.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { faultDocs } from "../simulator/faults/faultDocs";
import { jobFileDocs } from "../simulator/graph/jobFileDocs";

writeFileSync(join(__dirname, "..", "docs", "job-file.md"), jobFileDocs());
writeFileSync(join(__dirname, "..", "docs", "faults.md"), faultDocs());
