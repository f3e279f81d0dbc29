// The pieces of running text that all formats share: links, mentions, dates, emoji.
import { h, safeHref, clean } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { channelOf, channelTitle, groupOf, me, nameOf, store } from "./store.js";
import { dateTokens } from "./time.js";
import { visit } from "./routes.js";

export function link(address, label) {
  const href = safeHref(address);
  const shown = label?.length ? label : [address.replace(/^mailto:/, "")];
  if (!href) return h("span", { class: "dead-link", title: "This address is not opened: only http, https and mailto are" }, shown);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", class: "link" }, shown);
}

export const userMention = (id, label) => mention(`@${store.state ? nameOf(id) : label ?? id}`, id === me(), "user");

export function channelMention(id, label) {
  const channel = channelOf(id);
  if (!channel) return h("span", { class: "mention" }, `#${label || "private-channel"}`);
  return h("button", { type: "button", class: "mention mention-link", on: { click: () => visit(id) } }, `#${channelTitle(channel)}`);
}

export function groupMention(id, label) {
  const group = groupOf(id);
  const mine = group?.users.includes(me()) ?? false;
  return mention(group ? `@${group.handle}` : label || "@unknown-group", mine, "group");
}

export const broadcast = (range) => mention(`@${range}`, true, "broadcast");

const mention = (text, mine, kind) => h("span", { class: `mention mention-${kind}${mine ? " mention-me" : ""}` }, text);

/** What stands between < and >, already split off. */
export function entity(inside) {
  const [target, ...rest] = inside.split("|");
  const label = rest.length ? unescape(rest.join("|")) : "";
  const named = /^(@[A-Z0-9]+|#[A-Z0-9]+)$/.exec(target);
  if (named && target[0] === "@") return userMention(target.slice(1), label);
  if (named) return channelMention(target.slice(1), label);
  if (target.startsWith("!")) return special(target.slice(1), label);
  return link(unescape(target), label ? [withEmoji(label)] : null);
}

function special(target, label) {
  const [kind, ...rest] = target.split("^");
  if (kind === "subteam") return groupMention(rest[0] ?? "", label);
  if (kind === "date") return dated(rest, label);
  if (["here", "channel", "everyone"].includes(kind)) return broadcast(kind);
  return h("span", {}, label || `<!${target}>`);
}

function dated([ts, pattern, address], fallback) {
  const text = dateTokens(ts, pattern ?? "{date_short}", fallback || "an unknown date");
  const node = h("time", { title: fallback, class: "date" }, text);
  return address ? link(unescape(address), [node]) : node;
}

/** Slack escapes three characters and no others. */
export const unescape = (text) => clean(text).replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

const BARE = /\bhttps?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]}]/g;

/** Plain running text: emoji drawn, bare addresses made links. */
export function plain(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(BARE)) {
    if (found.index > from) nodes.push(withEmoji(text.slice(from, found.index)));
    nodes.push(link(found[0]));
    from = found.index + found[0].length;
  }
  if (from < text.length) nodes.push(withEmoji(text.slice(from)));
  return nodes;
}
