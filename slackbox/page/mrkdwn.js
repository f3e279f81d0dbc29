// Slack's own markup: *bold* _italic_ ~struck~ `code`, fences, quotes, bullets and <…> entities.
import { h } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { entity, plain, unescape } from "./inline.js";

const STYLES = { "*": "strong", _: "em", "~": "s" };
const EDGE = /[\s.,;:!?()[\]{}"'“”‘’«»/\\|<>…–—*_~+=-]/;
const edge = (char) => char === undefined || EDGE.test(char);

/** Nodes for a piece of mrkdwn, fences and lines included. */
export function mrkdwn(text) {
  const parts = String(text ?? "").split("```");
  const nodes = [];
  parts.forEach((part, index) => {
    const fenced = index % 2 === 1 && index < parts.length - 1;
    if (fenced) nodes.push(h("pre", { class: "fence", tabindex: "0" }, h("code", {}, unescape(stripEntities(part.replace(/^\n|\n$/g, ""))))));
    else if (index % 2 === 1) nodes.push(...lines("```" + part));
    else if (part) nodes.push(...lines(index > 0 ? part.replace(/^\n/, "") : part));
  });
  return nodes;
}

/** Only the running text of one line, for titles and table cells. */
export const mrkdwnLine = (text) => inline(String(text ?? "").replaceAll("\n", " "));

export function textObject(object) {
  if (!object) return [];
  if (typeof object === "string") return plainLines(object);
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plainLines(object.text, object.emoji !== false);
}

export function plainLines(text, emoji = true) {
  // plain_text draws emoji but makes no links
  return String(text ?? "").split("\n").flatMap((line, index) => [index ? h("br") : null, emoji ? withEmoji(line) : line]);
}

const stripEntities = (text) => text.replace(/<([^<>|]+)(\|([^<>]*))?>/g, (_, target, __, label) => label ?? target);

const KINDS = [
  ["quote", /^(?:&gt;|>) ?/],
  ["bullet", /^\s*[•◦▪*-] +(?=\S)/],
  ["number", /^\s*\d{1,3}[.)] +(?=\S)/],
];

function kindOf(line) {
  const found = KINDS.find(([, pattern]) => pattern.test(line));
  return found ? { kind: found[0], lead: found[1].exec(line)[0] } : { kind: "text", lead: "" };
}

function lines(text) {
  const groups = [];
  for (const line of text.split("\n")) {
    const { kind, lead } = kindOf(line);
    const last = groups.at(-1);
    const item = { lead, rest: line.slice(lead.length) };
    if (last && last.kind === kind) last.items.push(item); else groups.push({ kind, items: [item] });
  }
  return groups.flatMap((group, index) => drawGroup(group, groups[index + 1]));
}

function drawGroup({ kind, items }, next) {
  if (kind === "quote") return [h("blockquote", {}, joined(items))];
  if (kind === "bullet") return [h("ul", { class: "list" }, items.map((item) => h("li", { class: deep(item.lead) }, inline(item.rest))))];
  if (kind === "number") {
    return [h("ol", { class: "list", start: String(parseInt(items[0].lead.trim(), 10)) }, items.map((item) => h("li", { class: deep(item.lead) }, inline(item.rest))))];
  }
  const blocky = next !== undefined;
  const trimmed = blocky && items.length > 1 && items.at(-1).rest === "" ? items.slice(0, -1) : items;
  return blocky ? [h("div", {}, joined(trimmed))] : joined(trimmed);
}

const deep = (lead) => (/^\s{2,}|◦/.test(lead) ? "deep" : null);

const joined = (items) =>
  items.flatMap((item, index) => [index ? (item.rest === "" ? h("span", { class: "gap" }) : h("br")) : null, ...inline(item.rest)]);

/** Nodes for one line. Works left to right; a mark without a partner stays a character. */
export function inline(text) {
  const nodes = [];
  const hopeless = new Set();
  let loose = "";
  const flush = () => { if (loose) nodes.push(...plain(unescape(loose))); loose = ""; };
  for (let i = 0; i < text.length; i++) {
    const found = tokenAt(text, i, hopeless);
    if (!found) { loose += text[i]; continue; }
    flush();
    nodes.push(found.node);
    i = found.end;
  }
  flush();
  return nodes;
}

function tokenAt(text, at, hopeless) {
  const char = text[at];
  if (char === "<") return angle(text, at);
  if (char === "`") return ticked(text, at);
  if (Object.hasOwn(STYLES, char) && !hopeless.has(char)) return styled(text, at, hopeless);
  return null;
}

function angle(text, at) {
  const end = text.indexOf(">", at);
  const inside = end > at + 1 ? text.slice(at + 1, end) : "";
  const known = /^(?:[@#!][^\s]|[a-z][a-z0-9+.-]*:|\/|#)/i.test(inside) && !inside.includes("<");
  return known ? { node: entity(inside), end } : null;
}

function ticked(text, at) {
  const end = text.indexOf("`", at + 1);
  if (end < at + 2) return null;
  return { node: h("code", { class: "code" }, unescape(stripEntities(text.slice(at + 1, end)))), end };
}

function styled(text, at, hopeless) {
  const char = text[at];
  if (!edge(text[at - 1]) || text[at + 1] === undefined || /\s/.test(text[at + 1]) || text[at + 1] === char) return null;
  const end = closing(text, at, char);
  if (end < 0) { hopeless.add(char); return null; }
  return { node: h(STYLES[char], {}, inline(text.slice(at + 1, end))), end };
}

function closing(text, at, char) {
  for (let i = at + 2; i < text.length; i++) {
    if (text[i] === "<") { const skip = text.indexOf(">", i); if (skip > 0) i = skip; continue; }
    if (text[i] === char && !/\s/.test(text[i - 1]) && edge(text[i + 1])) return i;
  }
  return -1;
}
