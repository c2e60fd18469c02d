/** Keys for what is done again and again while a run goes on: one chord prefix, so that they collide with nothing. */
import { type CommandId } from "./commands";
import { RUN_ACTIVE } from "./viewTypes";

interface Keybinding {
  readonly command: CommandId;
  readonly key: string;
  readonly mac: string;
  readonly when: string;
}

const chord = (command: CommandId, key: string): Keybinding => ({
  command,
  key: `ctrl+alt+f ${key}`,
  mac: `cmd+alt+f ${key}`,
  when: RUN_ACTIVE,
});

export const KEYBINDINGS: readonly Keybinding[] = [
  chord("faultline.injectFailure", "i"),
  chord("faultline.repeatLastFailure", "r"),
  chord("faultline.killServiceInstance", "k"),
  chord("faultline.healAll", "h"),
  chord("faultline.openJobGraph", "g"),
];
