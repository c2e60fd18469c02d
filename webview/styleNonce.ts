/**
 * Must be the first import of the page's script. The toolkit tries out a style sheet while it loads and takes the nonce for it from a meta
 * element; without one the content security policy would block it and say so.
 */
const nonce = document.currentScript?.nonce;
if (nonce !== undefined && nonce !== "") {
  const meta = document.createElement("meta");
  meta.setAttribute("property", "csp-nonce");
  meta.content = nonce;
  document.head.append(meta);
  queueMicrotask(() => meta.remove());
}

export {};
