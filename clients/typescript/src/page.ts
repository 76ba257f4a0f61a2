// What there is of a browser: a page that may be hidden, left and kept, and a network. A worker or a server has less of it.

import type { SocketClass } from "./contract.js";

export const scope = globalThis as unknown as Partial<Omit<Window, "WebSocket">> & { WebSocket?: SocketClass };

/** watch has fn called for what happens to the page and the network, or not any more. */
export function watch(on: boolean, fn: (e: Event) => void): void {
  for (const [target, types] of [[scope, ["online", "offline", "pagehide", "pageshow"]], [scope.document, ["visibilitychange"]]] as const) {
    for (const type of types) target?.[on ? "addEventListener" : "removeEventListener"]?.(type, fn);
  }
}

/** isAway reports whether nobody sees the page, or there is no network. */
export function isAway(): boolean {
  const { document, navigator } = scope;
  return document?.visibilityState === "hidden" || navigator?.onLine === false;
}

/** absolute returns the address of a WebSocket. In a browser it may be relative to the page, and have the scheme http. */
export function absolute(url: string | URL): string {
  return new URL(url, scope.location?.href).href.replace(/^http/, "ws");
}
