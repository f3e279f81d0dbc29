// The side panel with one thread.
import { composer } from "./composer.js";
import { h, icon, reconcile } from "./dom.js";
import { threadRows } from "./messages.js";
import { Scroller } from "./scroll.js";
import { channelOf, channelTitle, me, store } from "./store.js";
import { visit } from "./routes.js";

let shown = null;

export function drawThread(root) {
  const { place, thread } = store.route;
  const channel = channelOf(place);
  const there = channel && thread && (store.state.messages[place] ?? []).some((message) => message.ts === thread);
  root.hidden = !there;
  document.body.classList.toggle("thread-open", Boolean(there));
  if (!there) { shown?.scroller.end(); shown = null; root.replaceChildren(); return; }
  const id = `${me()}:${place}:${thread}`;
  if (shown?.id !== id) rebuild(root, id, channel, thread);
  const sending = store.pending.filter((entry) => entry.thread === thread).length;
  shown.scroller.around(() => reconcile(shown.list, threadRows(place, thread)), sending > shown.sending);
  shown.sending = sending;
}

function rebuild(root, id, channel, thread) {
  shown?.scroller.end();
  const list = h("div", { class: "messages", role: "log", "aria-label": "Thread messages", "aria-live": "off" });
  const box = h("div", { class: "scroll", tabindex: "-1" }, list);
  const close = h("button", { type: "button", class: "icon-button", "aria-label": "Close thread", data: { k: "thread-close" }, on: { click: () => leave(channel.id, thread) } }, icon("close"));
  root.replaceChildren(
    h("header", { class: "pane-head" }, h("div", { class: "pane-title" }, h("h2", {}, "Thread"), h("span", { class: "thread-where" }, channel.kind === "im" ? channelTitle(channel) : `#${channel.name}`)), close),
    h("div", { class: "scroll-frame" }, box),
    composer({ channel: channel.id, thread, placeholder: "Reply…", disabled: channel.archived ? "This channel is archived." : channel.members.includes(me()) ? "" : "Act as a member of this channel to reply." }));
  shown = { id, list, scroller: new Scroller(box, list, () => {}), sending: 0 };
  shown.scroller.stuck = false;
  (root.querySelector("textarea") ?? close).focus({ preventScroll: true });
  root.onkeydown = (event) => { if (event.key === "Escape" && !event.defaultPrevented) leave(channel.id, thread); };
}

function leave(channel, thread) {
  visit(channel);
  requestAnimationFrame(() => document.querySelector(`[data-k="${CSS.escape(`replies:${channel}:${thread}`)}"], [data-k="${CSS.escape(`tool:${channel}:${thread}`)}"]`)?.focus());
}
