// Modal views: the top one of the stack is shown, what was typed survives its updates.
import { stateValues, surfaceOf } from "./act.js";
import { drawBlocks, trouble } from "./blocks.js";
import { h, icon, refocus } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { fault } from "./fields.js";
import { closeMenu } from "./menus.js";
import { store, tell } from "./store.js";
import { worldSignature } from "./messages.js";

let shown = null; // {id, dialog, signature, back}
const faults = new Map(); // block_id -> sentence, found here before anything was sent
let waiting = false;

export function drawModals() {
  const stack = (store.state.views ?? []).filter((view) => view.type === "modal");
  const top = stack.at(-1);
  forgetClosed(stack);
  if (!top) { hide(); return; }
  const fresh = shown?.id !== top.id;
  if (fresh) show(top);
  const signature = JSON.stringify([top, stack.length, waiting, [...faults], store.troubles.get(`v:${top.id}`) ?? "", worldSignature()]);
  if (signature === shown.signature) return;
  shown.signature = signature;
  redraw(top, stack.length);
  if (fresh) focusFirst(shown.dialog);
}

function forgetClosed(stack) {
  const open = new Set(stack.map((view) => `form:v:${view.id}`));
  for (const key of store.local.keys()) if (key.startsWith("form:v:") && !open.has(key)) store.local.delete(key);
}

function show(view) {
  const back = shown?.back ?? document.activeElement;
  closeMenu(false);
  faults.clear();
  shown?.dialog.remove();
  const dialog = h("dialog", { class: "modal", "aria-labelledby": "modal-title" });
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); if (event.target === dialog) close(topView()); });
  dialog.addEventListener("keydown", (event) => {
    const line = event.target.matches("input:not([type=checkbox], [type=radio])");
    if (event.key === "Enter" && line && !event.defaultPrevented && !event.isComposing && topView()?.submit) { event.preventDefault(); submit(topView()); }
  });
  document.body.append(dialog);
  dialog.showModal();
  shown = { id: view.id, dialog, signature: "", back };
}

function hide() {
  if (!shown) return;
  const { dialog, back } = shown;
  shown = null;
  faults.clear();
  closeMenu(false);
  dialog.close();
  dialog.remove();
  if (back?.isConnected) back.focus({ preventScroll: true });
  else if (back?.dataset?.k) refocus(back);
}

const topView = () => store.state.views.filter((view) => view.type === "modal").at(-1);

function redraw(view, depth) {
  const { dialog } = shown;
  const focused = document.activeElement?.closest?.("[data-k]");
  const scrolled = dialog.querySelector(".modal-body")?.scrollTop ?? 0;
  const place = surfaceOf.view(view.id);
  const errors = { ...(view.errors ?? {}), ...Object.fromEntries(faults) };
  dialog.replaceChildren(head(view, depth),
    h("div", { class: "modal-body" }, h("div", { class: "blocks" }, drawBlocks(view.blocks, place, errors)), trouble(place.key)),
    foot(view));
  dialog.querySelector(".modal-body").scrollTop = scrolled;
  if (focused && !focused.isConnected) refocus(focused);
}

function head(view, depth) {
  return h("header", { class: "modal-head" },
    depth > 1 ? h("button", { type: "button", class: "icon-button", "aria-label": "Back", on: { click: () => close(view) } }, icon("left")) : null,
    h("h2", { id: "modal-title" }, withEmoji(view.title?.text ?? "")),
    h("button", { type: "button", class: "icon-button", "aria-label": "Close", data: { k: "modal-x" }, on: { click: () => close(view) } }, icon("close")));
}

function foot(view) {
  const busy = waiting ? h("span", { class: "spinner", role: "status", "aria-label": "Waiting for the app" }) : null;
  return h("footer", { class: "modal-foot" },
    h("button", { type: "button", class: "button", data: { k: "modal-close" }, on: { click: () => close(view) } }, withEmoji(view.close?.text ?? "Close")),
    view.submit ? h("button", { type: "button", class: "button primary", disabled: waiting || Boolean(view.submit_disabled), data: { k: "modal-submit" }, on: { click: () => submit(view) } }, busy, withEmoji(view.submit.text)) : null);
}

function focusFirst(dialog) {
  const target = dialog.querySelector("[data-autofocus]") ?? dialog.querySelector(".modal-body input, .modal-body textarea, .modal-body button") ?? dialog.querySelector("[data-k=modal-submit], [data-k=modal-close]");
  target?.focus({ preventScroll: true });
}

const inputsIn = (blocks) => blocks.flatMap((block) => (block.type === "input" ? [block] : inputsIn(block.child_blocks ?? [])));

async function submit(view) {
  if (waiting) return;
  const state = stateValues(surfaceOf.view(view.id), view.blocks);
  faults.clear();
  for (const block of inputsIn(view.blocks)) {
    const sentence = fault(block, state[block.block_id]?.[block.element?.action_id]);
    if (sentence) faults.set(block.block_id, sentence);
  }
  if (!faults.size) await waitFor(() => tell("submit", { view: view.id, state }, `v:${view.id}`));
  drawModals();
  focusProblem();
}

async function waitFor(work) {
  waiting = true;
  drawModals();
  try { await work(); } finally { waiting = false; }
}

function focusProblem() {
  const wrong = shown?.dialog.querySelector("[aria-invalid=true]");
  (wrong?.matches("input, textarea, button") ? wrong : wrong?.querySelector("input, textarea, button"))?.focus();
}

async function close(view) {
  if (!view) return;
  await tell("close", { view: view.id }, `v:${view.id}`);
  drawModals();
}
