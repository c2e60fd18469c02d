/** What the bundles hold, for {@link Bundles}. Types alone. */
import type * as extensionActions from "./extensionActions";
import type * as extensionDebug from "./extensionDebug";
import type * as extensionLanguage from "./extensionLanguage";
import type * as extensionRun from "./extensionRun";

declare module "./loadBundle" {
  interface Bundles {
    readonly extensionActions: typeof extensionActions;
    readonly extensionDebug: typeof extensionDebug;
    readonly extensionLanguage: typeof extensionLanguage;
    readonly extensionRun: typeof extensionRun;
  }
}
