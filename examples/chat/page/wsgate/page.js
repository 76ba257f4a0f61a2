// What there is of a browser: a page that may be hidden, left and kept, and a network. A worker or a server has less of it.
export const scope = globalThis;
/** watch has fn called for what happens to the page and the network, or not any more. */
export function watch(on, fn) {
    for (const [target, types] of [[scope, ["online", "offline", "pagehide", "pageshow"]], [scope.document, ["visibilitychange"]]]) {
        for (const type of types)
            target?.[on ? "addEventListener" : "removeEventListener"]?.(type, fn);
    }
}
/** isAway reports whether nobody sees the page, or there is no network. */
export function isAway() {
    const { document, navigator } = scope;
    return document?.visibilityState === "hidden" || navigator?.onLine === false;
}
/** absolute returns the address of a WebSocket. In a browser it may be relative to the page, and have the scheme http. */
export function absolute(url) {
    return new URL(url, scope.location?.href).href.replace(/^http/, "ws");
}
