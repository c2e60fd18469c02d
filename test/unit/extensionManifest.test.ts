import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMAND_IDS, COMMANDS, type CommandContribution } from "../../extension/manifest/commands";
import { RUN_ACTIVE } from "../../extension/manifest/viewTypes";
import { DEBUGGERS } from "../../extension/manifest/debuggers";
import { KEYBINDINGS } from "../../extension/manifest/keybindings";
import { LANGUAGE_MODEL_TOOLS } from "../../extension/manifest/languageModelTools";
import { MANIFEST } from "../../extension/manifest/manifest";
import { MENUS } from "../../extension/manifest/menus";
import { SETTINGS, type SettingContribution } from "../../extension/manifest/settings";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import { manifestText } from "../../scripts/writeManifest";

const ROOT = join(__dirname, "../..");
const CODICON = /^\$\([a-z][a-z-]*\)$/;

describe("the extension's manifest", () => {
  it("is written into package.json as the tables say", () => {
    const current = readFileSync(join(ROOT, "package.json"), "utf8");
    assert.deepEqual(
      JSON.parse(current),
      JSON.parse(manifestText(current)),
      "npx tsx scripts/writeManifest.ts writes it",
    );
  });

  it("has every command in the palette or says why not", () => {
    const contributions = Object.entries<CommandContribution>(COMMANDS);
    for (const [id, { title, icon, palette }] of contributions) {
      assert.match(id, /^faultline\.[a-z][A-Za-z]*$/);
      assert.match(title, /^[A-Z]/, `${id}: titles are in title case`);
      if (icon !== undefined) assert.match(icon, CODICON, id);
      // What only makes sense on a thing that was clicked is in a menu or in a lens instead.
      if (palette === "false" && id !== "faultline.revealInGraph") {
        const menus = Object.entries(MENUS).filter(([menu]) => menu !== "commandPalette");
        assert.ok(
          menus.some(([, items]) => items.some(({ command }) => command === id)),
          `${id} can be reached`,
        );
      }
    }
    assert.equal(COMMAND_IDS.length, contributions.length);
  });

  it("has an icon for what is shown as one", () => {
    for (const [menu, items] of Object.entries(MENUS)) {
      for (const { command, group } of items) {
        const isIcon =
          group?.startsWith("inline") === true || (group?.startsWith("navigation") === true && /title/.test(menu));
        const contribution: CommandContribution = COMMANDS[command];
        if (isIcon) assert.ok(contribution.icon !== undefined, `${command} in ${menu}`);
      }
    }
  });

  it("names no title after itself, and gives keys only while a run goes on", () => {
    for (const { title } of Object.values<CommandContribution>(COMMANDS))
      assert.doesNotMatch(title, /Faultline|\p{Emoji_Presentation}/u);
    const keys = KEYBINDINGS.flatMap(({ key, mac }) => [key, mac]);
    assert.equal(new Set(keys).size, keys.length, "no two commands have the same keys");
    for (const { when } of KEYBINDINGS) assert.equal(when, RUN_ACTIVE);
  });

  it("has one view container with few views, and a walkthrough of five steps that complete by a command", () => {
    const { viewsContainers, views, walkthroughs } = MANIFEST.contributes;
    assert.equal(viewsContainers.activitybar.length, 1);
    assert.ok(Object.values(views).flat().length <= 3);
    const { steps } = walkthroughs[0];
    assert.equal(steps.length, 5);
    for (const { completionEvents, description } of steps) {
      assert.ok(completionEvents.length > 0);
      assert.match(description, /\]\(command:faultline\.\w+\)$/);
    }
  });

  it("describes every attribute of a launch configuration, and has a snippet that names the debug type", () => {
    for (const { type, configurationAttributes, configurationSnippets } of DEBUGGERS) {
      for (const [name, { markdownDescription }] of Object.entries(configurationAttributes.launch.properties)) {
        assert.match(markdownDescription, /^[A-Z].*\.$/s, name);
      }
      for (const { body } of configurationSnippets) assert.equal(body.type, type);
    }
  });

  it("tells the person and the model what each tool does", () => {
    for (const tool of LANGUAGE_MODEL_TOOLS) {
      assert.ok(tool.modelDescription.length > 20 && tool.userDescription.length > 10, tool.name);
    }
  });

  it("has a default of the right type and a description for every setting", () => {
    for (const [id, setting] of Object.entries<SettingContribution>(SETTINGS)) {
      assert.equal(typeof setting.default, setting.type, id);
      assert.match(setting.markdownDescription, /^[A-Z].*\.$/s, id);
    }
  });

  it("lets no workspace choose a program to start", () => {
    for (const id of MANIFEST.capabilities.untrustedWorkspaces.restrictedConfigurations) {
      assert.equal((SETTINGS as Readonly<Record<string, SettingContribution>>)[id]?.scope, "machine");
    }
  });

  it("has snippets that are what they say: with their defaults, together, a job without a finding of its form", () => {
    const snippets = JSON.parse(readFileSync(join(ROOT, "extension/faultline-job.snippets.json"), "utf8")) as Readonly<
      Record<string, { readonly prefix: string; readonly description: string; readonly body: readonly string[] }>
    >;
    const text = (name: string): string => {
      const found = snippets[name];
      assert.ok(found, name);
      const defaults = new Map<string, string>();
      const body = found.body
        .join("\n")
        .replace(/\$\{(\d+)[:|]([^}|,]*)[^}]*\}/g, (_all, number: string, value: string) => {
          defaults.set(number, defaults.get(number) ?? value);
          return defaults.get(number) ?? "";
        });
      assert.doesNotMatch(body, /\$/, name);
      return body;
    };
    const job = `{ "name": "all",
      "services": { ${text("Service")} },
      "operators": { ${["File source", "Map", "Call of a service", "Window", "File sink"].map(text).join(", ")} },
      "edges": [ ${text("Edge").replace('"from": "from"', '"from": "texts"').replace('"to": "to"', '"to": "change"')},
        { "from": "change", "to": "classify" }, { "from": "perKey", "to": "results" },
        ${text("Edge by key").replace('"from": "from"', '"from": "classify"').replace('"to": "to"', '"to": "perKey"')} ] }`;
    for (const one of [job, text("Job with a model")]) {
      const { problems } = parseJobFile(one, "x.faultline.json");
      assert.deepEqual(
        problems.filter(({ severity }) => severity !== "warning").map(({ message }) => message),
        [],
        one,
      );
    }
    for (const { prefix, description } of Object.values(snippets))
      assert.ok(prefix.startsWith("faultline-") && description !== "");
  });

  it("names files that are there", () => {
    const files = JSON.stringify(MANIFEST).match(/(?:\.\/)?extension\/[\w./-]+\.(?:svg|png|json)/g) ?? [];
    assert.ok(files.length >= 5);
    for (const file of files) assert.ok(existsSync(join(ROOT, file)), file);
  });
});
