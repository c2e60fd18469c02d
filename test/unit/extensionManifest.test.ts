import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMAND_IDS, COMMANDS, type CommandContribution } from "../../extension/manifest/commands";
import { MANIFEST } from "../../extension/manifest/manifest";
import { MENUS } from "../../extension/manifest/menus";
import { SETTINGS, type SettingContribution } from "../../extension/manifest/settings";
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

  it("names files that are there", () => {
    const files = JSON.stringify(MANIFEST).match(/(?:\.\/)?extension\/[\w./-]+\.(?:svg|png|json)/g) ?? [];
    assert.ok(files.length >= 5);
    for (const file of files) assert.ok(existsSync(join(ROOT, file)), file);
  });
});
