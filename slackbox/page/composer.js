// Where one writes: slash-command hints, mentions, Enter to send, arrow up for the last line.
import { announce, h, icon } from "./dom.js";
import { me, send, store } from "./store.js";
import { suggestionsFor } from "./suggest.js";

/** The composer of a channel or of a thread; `id` names its draft. */
export function composer({ channel, thread = "", placeholder, disabled = "" }) {
  if (disabled) return h("div", { class: "composer-off", id: thread ? null : "composer", role: "note" }, disabled);
  const draft = `${me()}:${channel}:${thread}`;
  const listId = `suggest-${thread ? "thread" : "channel"}`;
  const input = h("textarea", {
    class: "composer-input", id: thread ? "composer-thread" : "composer", rows: "1", placeholder, "aria-label": placeholder, autocomplete: "off", spellcheck: "true",
    role: "combobox", "aria-autocomplete": "list", "aria-controls": listId, "aria-expanded": "false", data: { k: `composer:${channel}:${thread}` },
  });
  const list = h("div", { class: "suggest", role: "listbox", id: listId, "aria-label": "Suggestions", hidden: true });
  const hint = h("div", { class: "composer-hint", "aria-live": "polite" });
  const go = h("button", { type: "button", class: "send", "aria-label": "Send", disabled: true }, icon("send"));
  const state = { channel, thread, draft, input, list, hint, go, offers: [], at: 0, recalled: -1, dismissed: false };
  input.value = store.drafts.get(draft) ?? "";
  wire(state);
  queueMicrotask(() => update(state));
  return h("div", { class: "composer" }, list, h("div", { class: "composer-box" }, input, h("div", { class: "composer-foot" }, hint, go)));
}

function wire(state) {
  const { input, go, list } = state;
  input.addEventListener("input", () => { state.recalled = -1; state.dismissed = false; update(state); });
  input.addEventListener("keydown", (event) => keys(state, event));
  input.addEventListener("blur", () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); });
  input.addEventListener("focus", () => update(state));
  go.addEventListener("click", () => { submit(state); input.focus(); });
}

function update(state) {
  const { input, go, hint, draft, thread } = state;
  store.drafts.set(draft, input.value);
  go.disabled = !input.value.trim();
  input.style.height = "auto";
  input.style.height = `${Math.min(input.scrollHeight, 180)}px`;
  const found = suggestionsFor(input.value, input.selectionStart ?? 0, Boolean(thread));
  state.offers = state.dismissed || document.activeElement !== input ? [] : found.offers;
  state.at = 0;
  hint.replaceChildren(...(found.hint ? [found.hint] : [idle(thread)]));
  drawOffers(state);
}

const idle = (thread) => h("span", { class: "idle" }, h("kbd", {}, "Enter"), " sends · ", h("kbd", {}, "Shift+Enter"), " new line", thread ? "" : [" · ", h("kbd", {}, "/"), " commands"]);

function drawOffers(state) {
  const { list, offers, input, at } = state;
  list.hidden = offers.length === 0;
  input.setAttribute("aria-expanded", String(offers.length > 0));
  list.replaceChildren(...offers.map((offer, index) => {
    const row = h("div", { class: `suggest-row${index === at ? " at" : ""}`, role: "option", id: `${list.id}-${index}`, "aria-selected": String(index === at) }, offer.face, h("span", { class: "suggest-main" }, h("strong", {}, offer.label), offer.usage ? h("span", { class: "usage" }, ` ${offer.usage}`) : null), h("span", { class: "suggest-more" }, offer.more));
    row.addEventListener("pointerdown", (event) => { event.preventDefault(); accept(state, index); });
    return row;
  }));
  if (offers.length) input.setAttribute("aria-activedescendant", `${list.id}-${at}`); else input.removeAttribute("aria-activedescendant");
  list.querySelector(".at")?.scrollIntoView({ block: "nearest" });
}

function accept(state, index) {
  const { input, offers } = state;
  const offer = offers[index];
  const after = input.value.slice(offer.to);
  input.value = input.value.slice(0, offer.from) + offer.text + after;
  const caret = offer.from + offer.text.length;
  input.setSelectionRange(caret, caret);
  input.focus();
  update(state);
}

function keys(state, event) {
  if (event.isComposing) return;
  if (!state.list.hidden && offerKeys(state, event)) return;
  if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); submit(state); return; }
  if (event.key === "ArrowUp" || event.key === "ArrowDown") recall(state, event);
}

function offerKeys(state, event) {
  const exact = state.offers[state.at]?.text.trim() === state.input.value.trim();
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (Object.hasOwn(moves, event.key)) state.at = (state.at + moves[event.key] + state.offers.length) % state.offers.length;
  else if (event.key === "Tab" || (event.key === "Enter" && !exact)) { event.preventDefault(); accept(state, state.at); return true; }
  else if (event.key === "Escape") { event.stopPropagation(); state.dismissed = true; state.offers = []; }
  else return false;
  event.preventDefault();
  drawOffers(state);
  return true;
}

/** Arrow up in an empty box, or while going through the past, brings back what was sent before. */
function recall(state, event) {
  const past = store.history.get(me()) ?? [];
  const { input } = state;
  const wandering = state.recalled >= 0;
  if (!past.length || (!wandering && (event.key === "ArrowDown" || input.value !== ""))) return;
  event.preventDefault();
  state.recalled = Math.min(state.recalled + (event.key === "ArrowUp" ? 1 : -1), past.length - 1);
  input.value = state.recalled < 0 ? "" : past[past.length - 1 - state.recalled];
  input.setSelectionRange(input.value.length, input.value.length);
  state.dismissed = true;
  update(state);
}

function submit(state) {
  const { input, channel, thread } = state;
  const text = input.value.trim();
  if (!text) return;
  if (thread && /^\/[a-z]/i.test(text)) { say(state, "Slash commands don't work in threads. Mention the app instead."); return; }
  store.history.set(me(), [...(store.history.get(me()) ?? []).filter((line) => line !== text), text].slice(-50));
  input.value = "";
  state.recalled = -1;
  state.dismissed = false;
  update(state);
  send(channel, text, thread || undefined);
}

function say(state, sentence) {
  state.hint.replaceChildren(h("span", { class: "hint-error" }, icon("warning"), sentence));
  announce(sentence);
}
