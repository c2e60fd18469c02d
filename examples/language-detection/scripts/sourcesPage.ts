/** Writes data/SOURCES.md: what was taken from where, under which licence, and how to take it again. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { format } from "prettier";
import { LABELS } from "../functions/labels";
import { plainText } from "./markup";
import { SOURCES, packageFolder } from "./paragraphs";
import type { Paragraph, Source } from "./paragraphs";
import type { TrainingText } from "./textFiles";
import { SOURCES_PAGE } from "./textFiles";

/** A text with the paragraph it was taken from. */
interface Origin extends TrainingText {
  readonly paragraph: Paragraph;
}

interface SourceTerms {
  readonly title: string;
  readonly taken: string;
  readonly licence: string;
  readonly licenceFile: string;
}

const TERMS: Readonly<Record<Source, SourceTerms>> = {
  "libreoffice-help": {
    title: "LibreOffice Help",
    taken: "sentences of the paragraphs, list items and table cells of the help pages",
    licence: "MPL-2.0 (some files include material under Apache-2.0)",
    licenceFile: "licenses/MPL-2.0.txt",
  },
  "gnome-help": {
    title: "GNOME Help and the GNOME System Administration Guide",
    taken: "sentences of the paragraphs of the pages",
    licence: "CC-BY-SA-3.0",
    licenceFile: "licenses/CC-BY-SA-3.0.txt",
  },
  wesnoth: {
    title: "Battle for Wesnoth",
    taken: "sentences of the messages of the game's help, tutorial, unit descriptions and campaigns",
    licence: "GPL-2.0-or-later",
    licenceFile: "licenses/GPL-2.0.txt",
  },
  "installation-guide": {
    title: "Debian GNU/Linux Installation Guide",
    taken: "sentences of the paragraphs of the chapters",
    licence: "GPL-2.0-only",
    licenceFile: "licenses/GPL-2.0.txt",
  },
};

/** Writes the page for the texts that were chosen from the packages below `root`. */
export async function writeSourcesPage(
  root: string,
  stream: readonly Origin[],
  training: readonly Origin[],
): Promise<void> {
  const all = [...stream, ...training];
  const packages = [...new Set(all.map(({ paragraph }) => paragraph.binaryPackage))].sort();
  const page = `# Where the texts come from

The texts in \`texts.ndjson\` (the stream) and \`train.ndjson\` (what the model is trained on) are sentences of translated
documents in packages of Debian 12. They keep the licence of the work they come from, which each line names in its field
\`source\`; they are not under the licence of the program. The changes made to them: single sentences were taken out,
mark-up and line breaks were removed, the text was put into Unicode NFC, and the sentences were put into random order.
The weights in \`../model/langid.onnx\` are numbers computed from the training texts.

This page is written by \`scripts/extractTexts.ts\` together with the two files.

## Licences

| \`source\` | Work | Taken | Licence | Its text |
|---|---|---|---|---|
${SOURCES.map((source) => licenceRow(source)).join("\n")}

${SOURCES.map((source) => copyrightSection(root, source, all)).join("\n\n")}

## Packages

| Package | Version | Texts taken |
|---|---|---|
${packages.map((name) => packageRow(root, name, all)).join("\n")}

## Texts of each language

Stream (\`texts.ndjson\`, ${stream.length} texts):

${countTable(stream)}

Training (\`train.ndjson\`, ${training.length} texts):

${countTable(training)}

A document is either in the stream or in the training texts, in all its languages: help pages are split by page, the
game by campaign, and the installation guide is in the stream only. A training text that was nearly the same as one of
the stream (0.6 or more of their character 4-grams in common) was left out. Portuguese holds texts from Portugal and from
Brazil. LibreOffice Help is not packaged in Ukrainian, nor is the installation guide translated into Polish or Ukrainian.

## Taking them again

\`\`\`bash
mkdir -p /tmp/texts/packages /tmp/texts/unpacked && cd /tmp/texts/packages
apt-get download ${packages.join(" \\\n  ")}
for file in *.deb; do
  name=$(dpkg-deb --field "$file" Package)
  mkdir -p ../unpacked/"$name" && dpkg-deb --extract "$file" ../unpacked/"$name"
done
# in the folder of this project:
npx tsx examples/language-detection/scripts/extractTexts.ts /tmp/texts/unpacked
\`\`\`
`;
  writeFileSync(SOURCES_PAGE, await format(page, { parser: "markdown", printWidth: 120 }));
}

function licenceRow(source: Source): string {
  const { title, taken, licence, licenceFile } = TERMS[source];
  return `| \`${source}\` | ${title} | ${taken} | ${licence} | [${licenceFile}](${licenceFile}) |`;
}

/** The copyright holders as the package's copyright file and, for GNOME, the pages themselves name them. */
function copyrightSection(root: string, source: Source, texts: readonly Origin[]): string {
  const origins = texts.filter((text) => text.source === source).map(({ paragraph }) => paragraph);
  const [{ binaryPackage }] = origins;
  const notice = readFileSync(
    join(packageFolder(root, binaryPackage), "usr/share/doc", binaryPackage, "copyright"),
    "utf8",
  );
  const heading = `### ${TERMS[source].title}`;
  switch (source) {
    case "libreoffice-help": {
      const lines = /^Files: \*\nCopyright:((?:.*\n)+?)License:/m.exec(notice)?.[1] ?? missing(binaryPackage);
      return `${heading}\n\n${list(lines.split("\n"))}`;
    }
    case "gnome-help": {
      const lines = /^Files: \*\nCopyright:((?:.*\n)+?)License:/m.exec(notice)?.[1] ?? missing(binaryPackage);
      const people = [...new Set(origins.map(({ file }) => file))].flatMap((file) =>
        creditsOf(root, binaryPackage, file),
      );
      const names = [...new Set(people)].sort((a, b) => a.localeCompare(b, "en"));
      return (
        `${heading}\n\n${list(lines.split("\n"))}\n\n` +
        `Authors and translators named in the pages the sentences were taken from: ${names.join(", ")}.`
      );
    }
    case "wesnoth": {
      const lines = notice.split("License:")[0].match(/^Copyright \(C\).*$/gm) ?? missing(binaryPackage);
      return `${heading}\n\n${list(lines)}\n\nThe package's copyright file adds that there are far more contributors.`;
    }
    case "installation-guide": {
      const lines = /copyright (1996[^]*?other contributors)\./.exec(notice)?.[1] ?? missing(binaryPackage);
      return `${heading}\n\n${list([`Copyright ${lines.replace(/\s+/g, " ")}.`])}`;
    }
  }
}

function missing(binaryPackage: string): never {
  throw new Error(
    `The copyright file of ${binaryPackage} does not name the copyright holders where they were expected.`,
  );
}

/** A Markdown list; addresses of mail are left out. */
function list(lines: readonly string[]): string {
  return lines
    .map((line) => line.replace(/<[^>]*>/g, "").trim())
    .filter((line) => line !== "")
    .map((line) => `- ${line}`)
    .join("\n");
}

/** The names in the `<credit>` elements of a Mallard page. */
function creditsOf(root: string, binaryPackage: string, file: string): string[] {
  const page = readFileSync(join(packageFolder(root, binaryPackage), file), "utf8");
  return [...page.matchAll(/<(?:mal:)?name>([^<]*)</g)]
    .map((match) => plainText(match[1]))
    .filter((name) => name !== "" && !name.includes("@"));
}

function packageRow(root: string, name: string, texts: readonly Origin[]): string {
  const taken = texts.filter(({ paragraph }) => paragraph.binaryPackage === name).length;
  return `| ${name} | ${versionOf(root, name)} | ${taken} |`;
}

/** The version of a package, from the first line of its Debian changelog. */
function versionOf(root: string, name: string): string {
  const documentation = join(packageFolder(root, name), "usr/share/doc", name);
  const changelog = ["changelog.Debian.gz", "changelog.gz"]
    .map((file) => join(documentation, file))
    .find((file) => existsSync(file));
  const firstLine = changelog === undefined ? "" : gunzipSync(readFileSync(changelog)).toString("utf8").split("\n")[0];
  const version = /^\S+ \(([^)]+)\)/.exec(firstLine)?.[1];
  if (version === undefined) {
    throw new Error(`The changelog of ${name} in ${documentation} does not start with its version.`);
  }
  return version;
}

function countTable(texts: readonly Origin[]): string {
  const count = (language: string, source?: Source): number =>
    texts.filter((text) => text.language === language && (source === undefined || text.source === source)).length;
  return [
    `| Language | ${SOURCES.join(" | ")} | All |`,
    `|---|${SOURCES.map(() => "---:|").join("")}---:|`,
    ...LABELS.map(
      (language) =>
        `| ${language} | ${SOURCES.map((source) => count(language, source)).join(" | ")} | ${count(language)} |`,
    ),
  ].join("\n");
}
