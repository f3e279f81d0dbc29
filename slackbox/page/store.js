// What this page knows: the server's state for one user, and what only the page remembers (drafts, open thread, pending sends).
import { fetchState, listen, post } from "./wire.js";

export const store = {
  state: null, linked: false, problem: "",
  route: { place: "", thread: "" },
  pending: [],        // sends on their way: {id, channel, thread, text, error}
  troubles: new Map(), // message or view key -> sentence under it
  drafts: new Map(),
  history: new Map(),
  local: new Map(),   // table pages, chosen options, open containers: survives a redraw
  seen: new Map(),
};

const watchers = new Set();
export const watch = (draw) => watchers.add(draw);
export const changed = () => watchers.forEach((draw) => draw());

export const me = () => store.state.me;
export const userOf = (id) => store.state?.users.find((user) => user.id === id);
export const groupOf = (id) => store.state?.usergroups.find((group) => group.id === id);
export const channelOf = (id) => store.state?.channels.find((channel) => channel.id === id);
export const isBot = (id) => id === store.state?.app.bot_user || userOf(id)?.role === "bot";

export function nameOf(id) {
  const user = userOf(id);
  if (user) return user.real_name || user.name;
  return id === store.state?.app.bot_user ? store.state.app.name : "Unknown user";
}

export function channelTitle(channel) {
  if (channel.kind !== "im") return channel.name;
  const others = channel.members.filter((id) => id !== me());
  return nameOf(others[0] ?? me());
}

export const appChannel = () =>
  store.state.channels.find((channel) => channel.kind === "im" && channel.members.includes(store.state.app.bot_user));

export const byTime = (a, b) => Number(a.ts) - Number(b.ts);
export const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;

export function mainMessages(channel) {
  return (store.state.messages[channel] ?? []).filter((message) => !isReply(message)).sort(byTime);
}
export function replies(channel, root) {
  return (store.state.messages[channel] ?? []).filter((message) => isReply(message) && message.thread_ts === root).sort(byTime);
}

/** A value only this page holds, made by `initial` the first time. */
export function remembered(key, initial) {
  if (!store.local.has(key)) store.local.set(key, initial());
  return store.local.get(key);
}

let stop = () => {};
let running = null;
let again = false;

/** Fetches the state; calls during a fetch are folded into one more, and wait for that one. */
export function refresh() {
  again = true;
  running ??= fetchAll().finally(() => { running = null; });
  return running;
}

async function fetchAll() {
  while (again) {
    again = false;
    try {
      const state = await fetchState(store.state?.me ?? wantedUser());
      if (!store.state || store.state.me === state.me) { store.state = state; store.problem = ""; }
    } catch (refusal) {
      store.problem = refusal.message;
    }
  }
  changed();
  if (unfinishedFiles()) setTimeout(refresh, FILE_WAIT);
}

// Slack works on an upload for a moment and says nothing when it is done
const FILE_WAIT = 600;
const unfinishedFiles = () =>
  Object.values(store.state?.messages ?? {}).some((list) => list.slice(-20).some((message) => message.files?.some((file) => !file.mimetype && Number(message.ts) > store.state.now - 30)));

const wantedUser = () => new URLSearchParams(location.search).get("user") ?? "";

/** Becomes `user` and follows what that user may see. */
export async function actAs(user) {
  stop();
  await running;
  store.state = null;
  store.pending = [];
  store.troubles.clear();
  store.local.clear();
  if (user) history.replaceState(null, "", `?user=${encodeURIComponent(user)}${location.hash}`);
  await refresh();
  if (!store.state) return;
  if (!user) history.replaceState(null, "", `?user=${encodeURIComponent(store.state.me)}${location.hash}`);
  stop = listen(store.state.me, onRevision, onLink);
}

function onRevision(revision) {
  if (revision !== store.state?.revision) refresh();
}

function onLink(up) {
  const back = up && !store.linked;
  store.linked = up;
  if (back) refresh(); else changed();
}

let serial = 0;

/** Sends what was typed: shown at once as “sending”, and as an error line when refused. */
export async function send(channel, text, thread) {
  const entry = { id: `p${++serial}`, channel, thread: thread ?? "", text, error: "", since: newest(channel) };
  store.pending.push(entry);
  changed();
  const command = text.startsWith("/") && !thread;
  const body = command ? { user: me(), channel, text } : { user: me(), channel, text, ...(thread ? { thread_ts: thread } : {}) };
  try {
    await post(command ? "command" : "message", body);
    store.pending = store.pending.filter((one) => one !== entry);
    await refresh();
  } catch (refusal) {
    entry.error = refusal.message;
    changed();
  }
}

const newest = (channel) => Math.max(0, ...(store.state.messages[channel] ?? []).map((message) => Number(message.ts)));

/** What is still on its way: not yet among the messages, which may arrive before the answer to the call. */
export function pendingIn(channel, thread) {
  const arrived = (entry) => (store.state.messages[channel] ?? []).some((message) => message.user === me() && message.text === entry.text && Number(message.ts) > entry.since);
  return store.pending.filter((entry) => entry.channel === channel && entry.thread === thread && (entry.error || !arrived(entry)));
}

export function forget(id) {
  store.pending = store.pending.filter((entry) => entry.id !== id);
  changed();
}

const notices = () => store.state?.notices ?? [];

/** A click, a choice, a form: what is refused, or what Slack says of it outside any channel, is shown at `troubleKey`. */
export async function tell(verb, body, troubleKey) {
  store.troubles.delete(troubleKey);
  const known = new Set(notices().map((notice) => notice.id));
  let sentence = "";
  try {
    await post(verb, { user: me(), ...body });
  } catch (refusal) {
    // the faults of a form stand under its fields, in the view itself
    sentence = refusal.code === "invalid_state" ? "" : refusal.message;
    if (!sentence) { await refresh(); return false; }
  }
  if (!sentence) await refresh();
  const placeless = notices().find((notice) => !notice.channel && !known.has(notice.id));
  if (sentence || placeless) store.troubles.set(troubleKey, sentence || placeless.text);
  changed();
  return !sentence;
}
