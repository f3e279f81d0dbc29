// The message list: what stands in it, in which order, and how one message looks.
import { drawBlocks, trouble } from "./blocks.js";
import { clean, h, icon } from "./dom.js";
import { emojiFor, withEmoji } from "./emoji.js";
import { file } from "./images.js";
import { link } from "./inline.js";
import { mrkdwn } from "./mrkdwn.js";
import { avatar, badge } from "./people.js";
import { surfaceOf } from "./act.js";
import { forget, isReply, mainMessages, me, nameOf, pendingIn, replies, send, store } from "./store.js";
import { clock, dayKey, dayTitle, fullTime, when } from "./time.js";
import { visit } from "./routes.js";

const TOGETHER = 300; // seconds within which one person's messages share a face

/** Everything whose change alters how any message reads. */
export function worldSignature() {
  const { users, usergroups, channels, images, now } = store.state;
  return JSON.stringify([users.map((user) => [user.id, user.name, user.real_name, user.color]), usergroups, channels.map((one) => [one.id, one.name]), Object.keys(images ?? {}), dayKey(now)]);
}

/** The rows of a channel, oldest first, for `reconcile`. */
export function channelRows(channel) {
  const world = worldSignature();
  const notices = (store.state.notices ?? []).filter((notice) => notice.channel === channel).map((notice) => ({ notice, ts: String(notice.at) }));
  const entries = [...mainMessages(channel).map((message) => ({ message, ts: message.ts })), ...notices].sort((a, b) => Number(a.ts) - Number(b.ts));
  const rows = [];
  let before = null;
  for (const entry of entries) {
    const day = dayKey(entry.ts);
    const fresh = !before || dayKey(before.ts) !== day;
    if (fresh) rows.push(divider(day, entry.ts));
    rows.push(entry.notice ? noticeRow(entry.notice) : messageRow(entry.message, { channel, world, compact: !fresh && follows(before?.message, entry.message, channel) }));
    before = entry;
  }
  return [...rows, ...pendingRows(channel, ""), ...statusRows(channel, "")];
}

/** “finops-bot is fetching the bill…”: shown while the app says so. */
const statusRows = (channel, thread) =>
  (store.state.statuses ?? []).filter((one) => one.text && one.channel === channel && (one.thread_ts ?? "") === thread).map((one) => ({
    key: `status:${thread}`, signature: one.text,
    build: () => h("div", { class: "status", role: "status" }, h("span", { class: "spinner" }), h("span", {}, h("strong", {}, store.state.app.name), " ", withEmoji(one.text))),
  }));

/** The rows of a thread: its first message, a count, the replies. */
export function threadRows(channel, root) {
  const world = worldSignature();
  const first = (store.state.messages[channel] ?? []).find((message) => message.ts === root);
  const answers = replies(channel, root);
  const count = { key: "count", signature: String(answers.length), build: () => h("div", { class: "thread-count" }, h("span", {}, answers.length === 1 ? "1 reply" : `${answers.length} replies`)) };
  const options = (message, index) => ({ channel, world, inThread: true, compact: index > 0 && follows(answers[index - 1], message, channel) });
  return [...(first ? [messageRow(first, options(first, 0))] : []), ...(answers.length ? [count] : []), ...answers.map((message, index) => messageRow(message, options(message, index))), ...pendingRows(channel, root), ...statusRows(channel, root)];
}

const follows = (before, message, channel) =>
  Boolean(before) && before.user === message.user && !before.ephemeral && !message.ephemeral && Number(message.ts) - Number(before.ts) < TOGETHER && !replies(channel, before.ts).length;

const divider = (day, ts) => ({
  key: `day:${day}`, signature: dayTitle(ts),
  build: () => h("div", { class: "day", role: "separator", "aria-label": dayTitle(ts) }, h("span", { class: "day-pill" }, dayTitle(ts))),
});

const noticeRow = (notice) => ({
  key: `n:${notice.id}`, signature: notice.text,
  build: () => h("div", { class: "notice", role: "note" }, icon("info"), h("span", {}, withEmoji(notice.text), h("span", { class: "notice-who" }, " Only visible to you"))),
});

function messageRow(message, options) {
  const place = surfaceOf.message(options.channel, message, options.inThread);
  const answers = options.inThread || message.ephemeral ? [] : replies(options.channel, message.ts).map((reply) => [reply.user, reply.ts]);
  const signature = JSON.stringify([message, options.compact, answers, store.troubles.get(place.key) ?? "", options.world, store.route.thread === message.ts]);
  return { key: place.key, signature, build: () => drawMessage(message, { ...options, place, answers }) };
}

function drawMessage(message, { channel, place, compact, inThread, answers }) {
  const gutter = h("div", { class: "gutter" }, compact ? h("time", { class: "gutter-time", title: fullTime(message.ts) }, clock(message.ts).replace(/ [AP]M$/, "")) : avatar(message.user));
  const head = compact ? h("h3", { class: "unseen" }, `${nameOf(message.user)} at ${clock(message.ts)}`) : h("div", { class: "message-head" },
    h("h3", { class: "name" }, h("bdi", {}, nameOf(message.user))), badge(message.user), h("time", { class: "time", title: fullTime(message.ts), datetime: new Date(Number(message.ts) * 1000).toISOString() }, clock(message.ts)));
  return h("article", {
    class: `message${compact ? " compact" : ""}${message.ephemeral ? " ephemeral" : ""}${!inThread && store.route.thread === message.ts ? " open" : ""}`,
    "aria-label": `${nameOf(message.user)}, ${clock(message.ts)}`, data: { ts: message.ts },
  }, message.ephemeral ? h("div", { class: "only-you" }, icon("eye"), "Only visible to you") : null,
  h("div", { class: "message-row" }, gutter, h("div", { class: "message-main" }, head, body(message, place), reactions(message), inThread ? null : replyBar(channel, message, answers), trouble(place.key))),
  inThread || message.ephemeral ? null : tools(channel, message));
}

function body(message, place) {
  const edited = message.edited ? h("span", { class: "edited" }, "(edited)") : null;
  const blocks = message.blocks?.length ? h("div", { class: "blocks" }, drawBlocks(message.blocks, place), edited) : null;
  const text = !blocks && message.text ? h("div", { class: "text", dir: "auto" }, mrkdwn(message.text), edited ? [" ", edited] : null) : null;
  return [text, blocks, (message.attachments ?? []).map((one, index) => attachment(one, { ...place, index: `a${index}` })), (message.files ?? []).map(file)];
}

/** The older way to add content: a bar in colour beside text or blocks. */
function attachment(one, place) {
  const known = { good: "#2eb67d", warning: "#ecb22e", danger: "#e01e5a" };
  const color = Object.hasOwn(known, one.color ?? "") ? known[one.color] : `#${clean(one.color).replace("#", "")}`;
  const node = h("div", { class: "attachment" }, one.pretext ? h("div", {}, mrkdwn(one.pretext)) : null, h("div", { class: "attachment-body" },
    one.title ? h("div", { class: "card-title" }, one.title_link ? link(one.title_link, [one.title]) : one.title) : null,
    one.text ? h("div", { class: "text" }, mrkdwn(one.text)) : null,
    one.fields ? h("div", { class: "fields" }, one.fields.map((item) => h("div", { class: "field-cell" }, h("strong", {}, item.title), h("br"), mrkdwn(item.value)))) : null,
    one.blocks ? h("div", { class: "blocks" }, drawBlocks(one.blocks, place)) : null,
    one.footer ? h("div", { class: "context" }, one.footer) : null));
  if (/^#[0-9a-f]{6}$/i.test(color)) node.style.setProperty("--bar-color", color);
  return node;
}

function reactions(message) {
  if (!message.reactions?.length) return null;
  return h("ul", { class: "reactions", "aria-label": "Reactions" }, message.reactions.map(({ name, users }) =>
    h("li", { class: users.includes(me()) ? "mine" : null, title: `${users.map(nameOf).join(", ")} reacted with :${name}:` }, h("span", {}, emojiFor(name)), h("span", { class: "count" }, String(users.length)))));
}

function replyBar(channel, message, answers) {
  const count = Math.max(answers.length, message.reply_count ?? 0);
  if (!count || isReply(message)) return null;
  const faces = [...new Set(answers.map(([user]) => user))].slice(0, 4).map((user) => avatar(user, 22));
  const last = answers.at(-1);
  return h("button", { type: "button", class: "reply-bar", data: { k: `replies:${channel}:${message.ts}` }, on: { click: () => visit(channel, message.ts) } },
    h("span", { class: "faces" }, faces), h("span", { class: "reply-count" }, count === 1 ? "1 reply" : `${count} replies`), last ? h("span", { class: "reply-last" }, `Last reply ${when(last[1])}`) : null);
}

const tools = (channel, message) => h("div", { class: "tools" },
  h("button", { type: "button", class: "icon-button", "aria-label": "Reply in thread", title: "Reply in thread", data: { k: `tool:${channel}:${message.ts}` }, on: { click: () => visit(channel, message.ts) } }, icon("thread")));

function pendingRows(channel, thread) {
  return pendingIn(channel, thread).map((entry) => ({
    key: entry.id, signature: `${entry.text}|${entry.error}`, build: () => drawPending(entry),
  }));
}

function drawPending(entry) {
  const slash = entry.text.startsWith("/") && !entry.thread;
  const words = slash ? h("code", { class: "code" }, entry.text) : mrkdwn(entry.text);
  const again = () => { forget(entry.id); send(entry.channel, entry.text, entry.thread); };
  const failed = h("div", { class: "trouble", role: "alert" }, icon("warning"), h("span", {}, entry.error),
    h("button", { type: "button", class: "text-button", on: { click: again } }, "Try again"), h("button", { type: "button", class: "text-button", on: { click: () => forget(entry.id) } }, "Dismiss"));
  return h("article", { class: `message pending${entry.error ? " failed" : ""}` }, h("div", { class: "message-row" }, h("div", { class: "gutter" }, avatar(me())),
    h("div", { class: "message-main" }, h("div", { class: "message-head" }, h("span", { class: "name" }, nameOf(me())), entry.error ? null : h("span", { class: "sending" }, h("span", { class: "spinner" }), "Sending…")), h("div", { class: "text" }, words), entry.error ? failed : null)));
}

