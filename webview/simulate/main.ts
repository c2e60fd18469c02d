/** The start of the view `Simulate at Scale`. */
import "../styleNonce";
import type { SimulateHostMessage, SimulateViewMessage, SimulateViewState } from "./protocol";
import { SimulatePage } from "./simulatePage";

interface VsCodeApi {
  postMessage(message: SimulateViewMessage): void;
  getState(): unknown;
  setState(state: SimulateViewState): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const host = document.getElementById("faultline");
if (host !== null) {
  const api = acquireVsCodeApi();
  const saved = api.getState();
  const page = new SimulatePage(host, {
    saved: typeof saved === "object" && saved !== null ? saved : {},
    send: (message) => api.postMessage(message),
    keep: (state) => api.setState(state),
  });
  window.addEventListener("error", (event) => api.postMessage({ kind: "viewError", message: event.message }));
  window.addEventListener("message", (event: MessageEvent<unknown>) => {
    const message = event.data;
    if (typeof message === "object" && message !== null && "kind" in message)
      page.receive(message as SimulateHostMessage);
  });
  api.postMessage({ kind: "ready" });
}
