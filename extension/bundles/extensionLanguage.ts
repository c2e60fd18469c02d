/** The bundle `dist/extensionLanguage.js`: reading job files and everything that is said about them. Loaded with the first job file. */
export { parseExperiment } from "../../simulator/faults/parseExperiment";
export { locateElements } from "../../simulator/graph/parseJobFile";
export { fixProvider, indentationOf } from "../jobFile/jobFileFixActions";
export { graphOfDocument } from "../jobFile/jobFileGraph";
export {
  completionProvider,
  definitionProvider,
  formattingProvider,
  highlightProvider,
  hoverProvider,
  referenceProvider,
  renameProvider,
  symbolProvider,
} from "../jobFile/jobFileLanguage";
export { parseJobDocument } from "../jobFile/jobFileParser";
export { rangeOfSpan } from "../jobFile/textSpans";
export { newJob } from "../newJob/newJob";
export { isolateInJobFile } from "../language/isolateInJobFile";
export { editJobFile, edgesOf } from "../language/jobFileEdits";
export { placeAt, placesOf } from "../language/jobFileBreakpoints";
export { symbolOccurrences } from "../language/jobFileReferences";
