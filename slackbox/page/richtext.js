// rich_text blocks: sections, lists, quotes and preformatted text.
import { h, svg } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { broadcast, channelMention, groupMention, link, userMention } from "./inline.js";
import { dateTokens } from "./time.js";
import { store } from "./store.js";

const LEAVES = {
  text: (leaf) => leaf.text,
  link: (leaf) => link(leaf.url ?? "", leaf.text ? [leaf.text] : null),
  emoji: (leaf) => emojiFor(leaf.name, leaf.unicode),
  user: (leaf) => userMention(leaf.user_id),
  usergroup: (leaf) => groupMention(leaf.usergroup_id),
  channel: (leaf) => channelMention(leaf.channel_id),
  broadcast: (leaf) => broadcast(leaf.range),
  team: () => h("span", { class: "mention" }, store.state.team.name),
  color: (leaf) => [swatch(leaf.value), leaf.value],
  date: (leaf) => dateNode(leaf),
};

// a leaf's colour is outside text: as an SVG attribute it can be nothing but a colour
const swatch = (value) =>
  svg("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" },
    svg("rect", { width: "10", height: "10", rx: "2", fill: /^#[0-9a-f]{3,8}$/i.test(value) ? value : "none" }));

function dateNode(leaf) {
  const text = dateTokens(leaf.timestamp, leaf.format ?? "{date_short}", leaf.fallback ?? "");
  const node = h("time", { class: "date" }, text);
  return leaf.url ? link(leaf.url, [node]) : node;
}

const WRAPS = [["code", "code"], ["strike", "s"], ["underline", "u"], ["italic", "em"], ["bold", "strong"]];

function leafNode(leaf) {
  const make = Object.hasOwn(LEAVES, leaf?.type) ? LEAVES[leaf.type] : () => h("span", { class: "unknown-inline" }, "[content]");
  let node = make(leaf);
  for (const [style, tag] of WRAPS) if (leaf?.style?.[style]) node = h(tag, { class: tag === "code" ? "code" : null }, node);
  return typeof node === "string" && node.includes("\n") ? node.split("\n").flatMap((line, i) => [i ? h("br") : null, line]) : node;
}

const leaves = (elements) => (elements ?? []).map(leafNode);

const PARTS = {
  rich_text_section: (part) => h("div", { class: "rich-section" }, leaves(part.elements)),
  rich_text_preformatted: (part) => h("pre", { class: "fence", tabindex: "0" }, h("code", {}, (part.elements ?? []).map((leaf) => leaf.text ?? leaf.url ?? ""))),
  rich_text_quote: (part) => h("blockquote", {}, leaves(part.elements)),
  rich_text_list: list,
};

function list(part) {
  const indent = Math.min(Math.max(part.indent ?? 0, 0), 8);
  const attributes = { class: `list indent-${indent}${part.border ? " bordered" : ""}`, start: part.offset ? String(part.offset + 1) : null };
  return h(part.style === "ordered" ? "ol" : "ul", attributes, (part.elements ?? []).map((item) => h("li", {}, leaves(item.elements))));
}

const drawPart = (part) => (Object.hasOwn(PARTS, part?.type) ? PARTS[part.type](part) : h("div", { class: "unknown-inline" }, "[content]"));

export const richText = (block) => h("div", { class: "rich" }, (block.elements ?? []).map(drawPart));

/** The words of a rich_text block, for sorting and for screen readers. */
export function richWords(block) {
  if (block?.text !== undefined) return String(block.text);
  if (block?.type === "emoji") return emojiFor(block.name, block.unicode);
  return (block?.elements ?? []).map(richWords).join("");
}
