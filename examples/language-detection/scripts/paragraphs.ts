/** Where the texts come from: readers of unpacked Debian packages that give paragraphs with their document. */

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { readCatalog } from "./gettextCatalog";
import type { Language } from "../functions/labels";
import { paragraphElements, plainText } from "./markup";

/** The four works the texts are taken from. */
export const SOURCES = ["libreoffice-help", "gnome-help", "wesnoth", "installation-guide"] as const;
export type Source = (typeof SOURCES)[number];

/** A paragraph of a translated document. */
export interface Paragraph {
  readonly source: Source;
  /** The document, the same in all languages: texts of one document are never on both sides of the split. */
  readonly document: string;
  readonly language: Language;
  readonly text: string;
  /** The Debian binary package it was read from. */
  readonly binaryPackage: string;
  /** The page below the package's folder, for the credits it names. */
  readonly file: string;
}

/** What a package calls a language, and what the model calls it. */
type Locales = readonly (readonly [locale: string, language: Language])[];

const PLAIN_LOCALES: Locales = [
  ["ca", "ca"],
  ["da", "da"],
  ["de", "de"],
  ["es", "es"],
  ["fr", "fr"],
  ["it", "it"],
  ["nl", "nl"],
  ["pt", "pt"],
  ["ru", "ru"],
  ["sv", "sv"],
];

/** `libreoffice-help-*`: one HTML page a topic. Ukrainian is not packaged. */
const LIBREOFFICE_LOCALES: Locales = [...PLAIN_LOCALES, ["pl", "pl"], ["en-US", "en"], ["pt-BR", "pt"]];

/** `gnome-user-docs`: one Mallard page a topic; `C` is the English original. */
const GNOME_LOCALES: Locales = [...PLAIN_LOCALES, ["pl", "pl"], ["uk", "uk"], ["C", "en"], ["pt_BR", "pt"]];

/** `wesnoth-1.16-*`: gettext catalogues; their original is English. */
const WESNOTH_LOCALES: Locales = [...PLAIN_LOCALES, ["pl", "pl"], ["uk", "uk"], ["pt_BR", "pt"]];

/** `installation-guide-amd64`: one HTML page a section. Polish and Ukrainian are not translated. */
const INSTALLER_LOCALES: Locales = [...PLAIN_LOCALES, ["en", "en"]];

/** The campaigns and help texts of the game that are read: the package, and the gettext domain in it. */
export const WESNOTH_DOMAINS: readonly (readonly [binaryPackage: string, domain: string])[] = [
  ["wesnoth-1.16-data", "wesnoth-help"],
  ["wesnoth-1.16-data", "wesnoth-units"],
  ["wesnoth-1.16-data", "wesnoth-tutorial"],
  ["wesnoth-1.16-utbs", "wesnoth-utbs"],
  ["wesnoth-1.16-httt", "wesnoth-httt"],
  ["wesnoth-1.16-trow", "wesnoth-trow"],
  ["wesnoth-1.16-ttb", "wesnoth-tb"],
];

/**
 * Reads every paragraph of the packages, which lie unpacked (`dpkg-deb -x`) below `root` in folders of their own name.
 *
 * @throws Error when a package is not there
 */
export function readParagraphs(root: string): Paragraph[] {
  return [
    ...LIBREOFFICE_LOCALES.flatMap(([locale, language]) => readLibreOfficeHelp(root, locale, language)),
    ...GNOME_LOCALES.flatMap(([locale, language]) => readGnomeHelp(root, locale, language)),
    ...WESNOTH_DOMAINS.flatMap(([binaryPackage, domain]) => readWesnoth(root, binaryPackage, domain)),
    ...INSTALLER_LOCALES.flatMap(([locale, language]) => readInstallationGuide(root, locale, language)),
  ];
}

/** The folder of a package. */
export function packageFolder(root: string, binaryPackage: string): string {
  const folder = join(root, binaryPackage);
  if (!existsSync(folder)) {
    throw new Error(`The package ${binaryPackage} is not unpacked in ${folder}. data/SOURCES.md says how to get it.`);
  }
  return folder;
}

function readLibreOfficeHelp(root: string, locale: string, language: Language): Paragraph[] {
  const binaryPackage = `libreoffice-help-${locale.toLowerCase()}`;
  const folder = packageFolder(root, binaryPackage);
  const texts = join(folder, "usr/share/libreoffice/help", locale, "text");
  return filesBelow(texts, ".html").flatMap((path) =>
    paragraphElements(readFileSync(path, "utf8"))
      // Running text only. "switchinline" holds two variants of a phrase, for macOS and for the others, at once.
      .filter(({ attributes }) => /id="par_/.test(attributes))
      .filter(({ attributes }) => /class="(paragraph|listitem|tablecontentintable|paragraphintable)"/.test(attributes))
      .filter(({ content }) => !/switchinline|<code|class="(literal|input|keycode)"/.test(content))
      .map(({ content }) => ({
        source: "libreoffice-help" as const,
        document: relative(texts, path),
        language,
        text: plainText(content),
        binaryPackage,
        file: relative(folder, path),
      })),
  );
}

function readGnomeHelp(root: string, locale: string, language: Language): Paragraph[] {
  const binaryPackage = "gnome-user-docs";
  const folder = packageFolder(root, binaryPackage);
  const pages = join(folder, "usr/share/help", locale);
  return filesBelow(pages, ".page").flatMap((path) =>
    paragraphElements(readFileSync(path, "utf8"))
      // A link without text of its own shows another page's title, which is not here.
      .filter(({ content }) => !/<link [^>]*\/>|<(code|cmd|input|output|sys|file)\b/.test(content))
      .map(({ content }) => ({
        source: "gnome-help" as const,
        document: relative(pages, path),
        language,
        text: plainText(content),
        binaryPackage,
        file: relative(folder, path),
      })),
  );
}

function readWesnoth(root: string, binaryPackage: string, domain: string): Paragraph[] {
  const folder = packageFolder(root, binaryPackage);
  const paragraphs: Paragraph[] = [];
  const originals = new Set<string>();
  for (const [locale, language] of WESNOTH_LOCALES) {
    const file = join("usr/share/games/wesnoth/1.16/locale", locale, "LC_MESSAGES", `${domain}.mo`);
    const common = { source: "wesnoth" as const, document: domain, binaryPackage, file };
    for (const { original, translation } of readCatalog(readFileSync(join(folder, file)))) {
      originals.add(original.replace(/^[^\s^]*\^/, ""));
      for (const text of translation.split("\n")) {
        paragraphs.push({ ...common, language, text: plainMessage(text) });
      }
    }
  }
  const english = { source: "wesnoth" as const, document: domain, binaryPackage, file: `${domain} (originals)` };
  for (const original of originals) {
    for (const text of original.split("\n")) {
      paragraphs.push({ ...english, language: "en", text: plainMessage(text) });
    }
  }
  return paragraphs;
}

/** A message with markup or placeholders becomes empty, so that no half sentence is taken from it. */
function plainMessage(message: string): string {
  return /[<>$|{}\\*=]/.test(message) ? "" : message.replace(/\s+/gu, " ").trim().normalize("NFC");
}

function readInstallationGuide(root: string, locale: string, language: Language): Paragraph[] {
  const binaryPackage = "installation-guide-amd64";
  const folder = packageFolder(root, binaryPackage);
  const pages = join(folder, "usr/share/doc/installation-guide-amd64", locale);
  return (
    filesBelow(pages, ".html")
      .map((path) => ({ path, page: readFileSync(path, "utf8") }))
      // The appendix with the licence itself stays English in the translations.
      .filter(({ page }) => !page.includes("GNU GENERAL PUBLIC LICENSE"))
      .flatMap(({ path, page }) =>
        paragraphElements(page)
          .filter(({ content }) => !/<code|<kbd|<tt|class="(command|filename|userinput)"/.test(content))
          .map(({ content }) => ({
            source: "installation-guide" as const,
            document: relative(pages, path),
            language,
            text: plainText(content),
            binaryPackage,
            file: relative(folder, path),
          })),
      )
  );
}

/** All files below a folder whose name ends so, sorted, so that the order does not depend on the file system. */
function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}
