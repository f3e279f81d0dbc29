// The aubergine column: channels, direct messages, the app; and the bar above it with the user switcher.
import { h, icon, reconcile } from "./dom.js";
import { openMenu } from "./menus.js";
import { avatar } from "./people.js";
import { actAs, appChannel, channelTitle, mainMessages, me, nameOf, store, userOf } from "./store.js";
import { visit } from "./routes.js";

const byName = (a, b) => channelTitle(a).localeCompare(channelTitle(b));

export function drawSidebar(root) {
  const { channels, app } = store.state;
  const rooms = channels.filter((one) => one.kind !== "im").sort(byName);
  const talks = channels.filter((one) => one.kind === "im" && !one.members.includes(app.bot_user)).sort(byName);
  reconcile(root, [
    { key: "team", signature: store.state.team.name, build: () => h("div", { class: "team" }, h("span", { class: "team-name" }, store.state.team.name)) },
    title("Channels"), ...rooms.map(roomRow),
    ...(talks.length ? [title("Direct messages"), ...talks.map(talkRow)] : []),
    title("Apps"), appRow(app),
  ]);
}

const title = (words) => ({ key: `t:${words}`, signature: "", build: () => h("h2", { class: "side-title" }, words) });

function row(key, place, parts, { unread = 0, current, extra = "" }) {
  return {
    key, signature: JSON.stringify([unread, current, extra, parts.label]),
    build: () => h("button", { type: "button", class: `side-row${current ? " current" : ""}${unread ? " unread" : ""}`, "aria-current": current ? "page" : null, data: { k: `side:${place}` }, on: { click: () => visit(place) } },
      parts.face(), h("span", { class: "side-label" }, h("bdi", {}, parts.label)), parts.more?.() ?? null, unread ? h("span", { class: "side-count", "aria-label": `${unread} new` }, String(Math.min(unread, 99))) : null),
  };
}

const roomRow = (channel) => row(channel.id, channel.id, {
  label: channel.name, face: () => icon(channel.kind === "private" ? "lock" : "hash"), more: () => (channel.external ? h("span", { class: "side-tag" }, "shared") : null),
}, { unread: unreadOf(channel), current: store.route.place === channel.id, extra: [channel.kind, channel.external] });

function talkRow(channel) {
  const other = channel.members.find((id) => id !== me()) ?? me();
  return row(channel.id, channel.id, { label: channelTitle(channel), face: () => avatar(other, 20) }, { unread: unreadOf(channel), current: store.route.place === channel.id, extra: userOf(other)?.color });
}

function appRow(app) {
  const talk = appChannel();
  const current = store.route.place === "app" || (talk && store.route.place === talk.id);
  const state = app.connected ? "connected" : "not connected";
  return row("app", "app", { label: app.name, face: () => avatar(app.bot_user, 20), more: () => h("span", { class: `presence ${app.connected ? "on" : "off"}`, title: state, role: "img", "aria-label": state }) },
    { unread: talk ? unreadOf(talk) : 0, current: Boolean(current), extra: app.connected });
}

/** Newer than when this person last looked; the server's own count is the start. */
function unreadOf(channel) {
  const key = `${me()}:${channel.id}`;
  const messages = mainMessages(channel.id);
  if (!store.seen.has(key)) store.seen.set(key, { ts: Number(messages.at(-1)?.ts ?? 0), base: channel.unread ?? 0 });
  const mark = store.seen.get(key);
  if (store.route.place === channel.id && !document.hidden) Object.assign(mark, { ts: Number(messages.at(-1)?.ts ?? mark.ts), base: 0 });
  return mark.base + messages.filter((message) => Number(message.ts) > mark.ts && message.user !== me()).length;
}

export function drawTopbar(root) {
  const { app } = store.state;
  const user = userOf(me());
  const health = !store.linked ? ["off", "Reconnecting to slackbox…"] : app.connected ? ["on", `${app.name} connected`] : ["off", `${app.name} not connected`];
  reconcile(root, [
    { key: "menu", signature: "", build: menuButton },
    { key: "brand", signature: "", build: () => h("div", { class: "brand" }, avatarOfBox(), h("span", {}, "slackbox"), h("span", { class: "brand-more" }, "local workspace")) },
    { key: "health", signature: health.join(), build: () => h("div", { class: `health ${health[0]}`, role: "status" }, h("span", { class: `presence ${health[0]}` }), h("span", { class: "health-words" }, health[1])) },
    { key: "who", signature: JSON.stringify(user), build: () => switcher(user) },
  ]);
}

const avatarOfBox = () => h("span", { class: "brand-mark", "aria-hidden": "true" }, icon("hash"));

function menuButton() {
  const node = h("button", { type: "button", class: "icon-button drawer-button", "aria-label": "Channels and people", "aria-controls": "sidebar", "aria-expanded": "false", data: { k: "drawer" } }, icon("menu"));
  node.addEventListener("click", () => {
    const open = document.body.classList.toggle("drawer-open");
    node.setAttribute("aria-expanded", String(open));
    if (open) document.querySelector("#sidebar .current, #sidebar .side-row")?.focus();
  });
  return node;
}

function switcher(user) {
  const node = h("button", { type: "button", class: "who", "aria-haspopup": "listbox", "aria-expanded": "false", data: { k: "who" }, title: "Act as somebody else" },
    avatar(me(), 24), h("span", { class: "who-words" }, h("span", { class: "who-lead" }, "You are "), h("strong", {}, h("bdi", {}, user?.name ?? nameOf(me()))), h("span", { class: "who-role" }, ` (${user?.role ?? "member"})`)), icon("down"));
  node.addEventListener("click", () => openMenu({
    anchor: node, label: "Act as",
    groups: [{ label: "Act as", options: store.state.users.filter((one) => one.role !== "bot" && !one.deleted).map((one) => ({ id: one.id, label: nameOf(one.id), description: `${one.name} · ${one.role}`, chosen: one.id === me(), node: avatar(one.id, 24) })) }],
    onChoose: ({ id }) => { if (id !== me()) actAs(id); },
  }));
  return node;
}
