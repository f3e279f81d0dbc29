// The middle: a channel or direct message, or the app with its two tabs.
import { composer } from "./composer.js";
import { announce, h, icon, reconcile } from "./dom.js";
import { drawHome } from "./home.js";
import { plain } from "./inline.js";
import { channelRows } from "./messages.js";
import { avatar, badge } from "./people.js";
import { Scroller } from "./scroll.js";
import { appChannel, channelOf, channelTitle, mainMessages, me, nameOf, store } from "./store.js";
import { visit } from "./routes.js";

let shown = null; // {id, list, scroller, head} of what is drawn now

export function drawPane(root) {
  const { place } = store.route;
  const channel = channelOf(place);
  const kind = place === "app" ? "home" : channel ? "channel" : "lost";
  const id = `${me()}:${place}:${kind}:${channel ? barred(channel) : ""}`;
  if (shown?.id !== id) rebuild(root, id, kind, channel);
  if (kind === "home") { reconcile(shown.head, [appHead()]); drawHome(shown.list); return; }
  if (kind === "lost") return;
  reconcile(shown.head, [channelHead(channel)]);
  const sending = store.pending.filter((entry) => entry.channel === place && !entry.thread).length;
  shown.scroller.around(() => reconcile(shown.list, [introduction(channel), ...channelRows(place)]), sending > shown.sending);
  shown.sending = sending;
  tellNewest(place);
}

/** Says the newest line of others aloud, once, while the reader is here. */
function tellNewest(place) {
  const newest = mainMessages(place).at(-1);
  if (shown.newest !== undefined && newest && newest.ts !== shown.newest && newest.user !== me()) announce(`${nameOf(newest.user)}: ${newest.text}`);
  shown.newest = newest?.ts ?? "";
}

function rebuild(root, id, kind, channel) {
  shown?.scroller?.end();
  const head = h("div", { class: "pane-head-slot" });
  const list = h("div", { class: kind === "home" ? "home" : "messages", role: kind === "home" ? null : "log", "aria-label": "Messages", "aria-live": kind === "home" ? null : "off" });
  const box = h("div", { class: "scroll", tabindex: "-1" }, list);
  shown = { id, head, list, scroller: null, sending: 0 };
  if (kind === "lost") { root.replaceChildren(lost()); return; }
  if (kind === "home") { root.replaceChildren(head, box); return; }
  const below = h("button", { type: "button", class: "newer", hidden: true }, icon("down"), "New messages");
  shown.scroller = new Scroller(box, list, (away) => { below.hidden = !away; });
  below.addEventListener("click", () => shown.scroller.toEnd());
  const title = channel.kind === "im" ? channelTitle(channel) : `#${channel.name}`;
  root.replaceChildren(head, h("div", { class: "scroll-frame" }, box, below), composer({ channel: channel.id, placeholder: `Message ${title}`, disabled: barred(channel) }));
}

function barred(channel) {
  if (channel.archived) return `#${channel.name} is archived: it can be read, not written to.`;
  return channel.members.includes(me()) ? "" : `You are not in ${channel.kind === "im" ? "this conversation" : `#${channel.name}`}: act as a member to write here.`;
}

const lost = () => h("div", { class: "lost" }, h("h2", {}, "Nothing here"), h("p", {}, "This channel is not there, or this person may not see it. Choose another one on the left."));

const isApp = (channel) => channel.id === appChannel()?.id;

function channelHead(channel) {
  const people = channel.members.length;
  return {
    key: "head", signature: JSON.stringify([channel, store.state.app.name]),
    build: () => h("header", { class: "pane-head" },
      h("div", { class: "pane-title" }, channel.kind === "im" ? avatar(channel.members.find((one) => one !== me()) ?? me(), 24) : icon(channel.kind === "private" ? "lock" : "hash"), h("h1", {}, h("bdi", {}, channelTitle(channel))),
        channel.kind === "im" ? badge(channel.members.find((one) => one !== me())) : null, channel.external ? h("span", { class: "badge" }, "SHARED") : null, channel.archived ? h("span", { class: "badge" }, "ARCHIVED") : null),
      isApp(channel) ? tabs("messages") : h("div", { class: "topic", title: channel.topic }, plain(channel.topic ?? "")),
      channel.kind === "im" ? null : h("span", { class: "member-count", title: `${people} members` }, icon("people"), h("span", { class: "unseen" }, "Members: "), String(people))),
  };
}

function appHead() {
  const { app } = store.state;
  return {
    key: "head", signature: JSON.stringify([app, Boolean(appChannel())]),
    build: () => h("header", { class: "pane-head" }, h("div", { class: "pane-title" }, avatar(app.bot_user, 24), h("h1", {}, h("bdi", {}, app.name)), h("span", { class: "badge" }, "APP")), tabs("home")),
  };
}

function tabs(current) {
  const talk = appChannel();
  const tab = (name, label, place) => h("button", { type: "button", class: `tab${name === current ? " current" : ""}`, "aria-current": name === current ? "page" : null, data: { k: `tab:${name}` }, on: { click: () => visit(place) } }, label);
  return h("div", { class: "tabs" }, tab("home", "Home", "app"), talk ? tab("messages", "Messages", talk.id) : null);
}

const introduction = (channel) => ({
  key: "intro", signature: JSON.stringify([channel.name, channel.kind, channel.topic]),
  build: () => h("div", { class: "intro" }, channel.kind === "im"
    ? [avatar(channel.members.find((one) => one !== me()) ?? me(), 44), h("p", {}, "This is the start of your conversation with ", h("strong", {}, channelTitle(channel)), ".")]
    : [h("h2", {}, icon(channel.kind === "private" ? "lock" : "hash"), channel.name), h("p", {}, "This is the very beginning of the ", h("strong", {}, `#${channel.name}`), " channel.")]),
});
