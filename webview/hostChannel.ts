/** The typed line to the extension, over VS Code's webview API. */
import type { HostMessage, ViewMessage, ViewState } from "./protocol";

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

export class HostChannel {
  readonly #api = acquireVsCodeApi();
  #state: ViewState;
  #saving: ReturnType<typeof setTimeout> | undefined;

  constructor(receive: (message: HostMessage) => void) {
    const saved = this.#api.getState();
    this.#state = typeof saved === "object" && saved !== null ? saved : {};
    window.addEventListener("message", (event: MessageEvent<unknown>) => {
      const message = event.data;
      if (typeof message === "object" && message !== null && "kind" in message) receive(message as HostMessage);
    });
  }

  get state(): ViewState {
    return this.#state;
  }

  send(message: ViewMessage): void {
    this.#api.postMessage(message);
  }

  /** Keeps where the person is; the host is told a moment later, not for every step of a zoom. */
  keep(change: Partial<ViewState>): void {
    this.#state = { ...this.#state, ...change };
    this.#api.setState(this.#state);
    clearTimeout(this.#saving);
    this.#saving = setTimeout(() => this.send({ kind: "viewState", state: this.#state }), 400);
  }
}
