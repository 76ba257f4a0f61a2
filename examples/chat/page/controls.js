// What the reader does on the page: the message box, the room's name, their own name.

import { $ } from "./view.js";

// onSend has send called for what is in the box.
export function onSend(/** @type {() => void} */ send) {
  $("composer").addEventListener("submit", (/** @type {SubmitEvent} */ e) => {
    e.preventDefault();
    if (!$("send").disabled) send();
  });
  $("text").addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
    if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
    e.preventDefault();
    $("composer").requestSubmit($("send").disabled ? null : $("send"));
  });
}

// onTyping has tell called for every change of what could be sent.
export function onTyping(/** @type {() => void} */ tell) {
  $("text").addEventListener("input", () => { if ($("text").value.trim() && !$("send").disabled) tell(); });
}

// onRoom has go called with the name of a room to open.
export function onRoom(/** @type {(name: string) => void} */ go) {
  $("new-room").addEventListener("submit", (/** @type {SubmitEvent} */ e) => {
    e.preventDefault();
    const name = $("new-room-name").value.trim();
    $("new-room-name").value = "";
    if (name) go(name);
  });
}

// askName asks for one's own name.
export function askName(/** @type {string} */ name) {
  $("name").value = name;
  $("name-dialog").returnValue = "";
  $("name-dialog").showModal();
  $("name").select();
}

// onName has change called with the name that was given. The dialog is left by its button, or by Escape, which leaves the
// name as it is; at the start both let the connection begin.
export function onName(/** @type {() => string} */ name, /** @type {(name: string) => void} */ change) {
  $("me").addEventListener("click", () => askName(name()));
  $("name-dialog").addEventListener("close", () => change($("name-dialog").returnValue ? $("name").value.trim() : name()));
}
