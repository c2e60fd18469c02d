import type { Disposable } from "vscode";

/** Disposables of one owner. What is pushed after the owner was disposed is disposed at once, so that nothing outlives it. */
export class DisposableList implements Disposable {
  private items: Disposable[] = [];
  private disposed = false;

  push<T extends Disposable>(item: T): T {
    if (this.disposed) item.dispose();
    else this.items.push(item);
    return item;
  }

  dispose(): void {
    this.disposed = true;
    const items = this.items;
    this.items = [];
    for (const item of items.reverse()) item.dispose();
  }
}
