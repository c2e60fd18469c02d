/** What every webview of the extension has in common: no content from elsewhere, scripts only with the nonce. */
import { randomBytes } from "node:crypto";

export function newNonce(): string {
  return randomBytes(18).toString("base64url");
}

export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
