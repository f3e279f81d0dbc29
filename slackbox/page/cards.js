// Blocks that frame other content: alerts, cards, containers, plans.
import { drawBlock } from "./blocks.js";
import { drawElement } from "./elements.js";
import { h, icon, safeHref } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { image } from "./images.js";
import { link } from "./inline.js";
import { textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";
import { remembered, store } from "./store.js";

const LEVELS = { default: "info", info: "info", warning: "warning", error: "warning", success: "check" };

export function alert(block) {
  const level = Object.hasOwn(LEVELS, block.level) ? block.level : "default";
  return h("div", { class: `alert alert-${level}`, role: level === "error" || level === "warning" ? "alert" : "note" }, icon(LEVELS[level]), h("div", {}, textObject(block.text)));
}

export function card(block, place) {
  return h("article", { class: "card" },
    block.hero_image ? image(block.hero_image, "card-hero") : null,
    h("div", { class: "card-head" }, block.icon ? image(block.icon, "card-icon") : null,
      h("div", {}, block.title ? h("div", { class: "card-title" }, textObject(block.title)) : null, block.subtitle ? h("div", { class: "card-subtitle" }, textObject(block.subtitle)) : null)),
    block.body ? h("div", { class: "card-body" }, textObject(block.body)) : null,
    block.actions?.length ? h("div", { class: "actions" }, block.actions.map((element) => drawElement(element, block, place))) : null);
}

export function carousel(block, place) {
  return h("div", { class: "carousel", role: "group", "aria-label": `${block.elements?.length ?? 0} cards`, tabindex: "0" }, (block.elements ?? []).map((one) => card({ ...one, block_id: block.block_id }, place)));
}

export function container(block, place) {
  const state = remembered(`open:${place.key}:${place.index}:${block.block_id}`, () => ({ open: !(block.is_collapsible && block.default_collapsed) }));
  const body = h("div", { class: "container-body", hidden: !state.open }, (block.child_blocks ?? []).map((child, index) => drawBlock(child, { ...place, index: `${place.index}.${index}` })));
  const titles = [block.icon ? image(block.icon, "card-icon") : null, h("div", {},
    h("div", { class: "card-title" }, block.rich_text_title ? richText(block.rich_text_title) : textObject(block.title)),
    block.subtitle ? h("div", { class: "card-subtitle" }, textObject(block.subtitle)) : null)];
  const head = block.is_collapsible ? h("button", { type: "button", class: "container-head", "aria-expanded": String(state.open), data: { k: `${place.key}|${block.block_id}|fold` } }, icon("right", "fold"), titles) : h("div", { class: "container-head" }, titles);
  if (block.is_collapsible) head.addEventListener("click", () => {
    state.open = !state.open;
    body.hidden = !state.open;
    head.setAttribute("aria-expanded", String(state.open));
  });
  const width = ["narrow", "standard", "wide", "full"].includes(block.width) ? block.width : "standard";
  return h("div", { class: `container width-${width}${block.has_header_divider ? " divided" : ""}` }, head, body);
}

const STATUS = { pending: "Pending", in_progress: "In progress", complete: "Complete", error: "Failed" };

export function taskCard(block) {
  const status = Object.hasOwn(STATUS, block.status) ? block.status : "pending";
  const mark = status === "complete" ? icon("check") : status === "error" ? icon("close") : null;
  return h("div", { class: `task task-${status}` },
    h("span", { class: "task-mark", role: "img", "aria-label": STATUS[status] }, mark),
    h("div", { class: "task-words" }, h("div", { class: "task-title" }, withEmoji(block.title)),
      block.details ? h("div", { class: "task-details" }, richText(block.details)) : null,
      block.output ? h("div", { class: "task-output" }, richText(block.output)) : null,
      block.sources?.length ? h("div", { class: "task-sources" }, block.sources.map((source) => link(source.url ?? "", [source.text ?? source.url]))) : null));
}

export function plan(block) {
  const tasks = block.tasks ?? [];
  const done = tasks.filter((one) => one.status === "complete").length;
  return h("div", { class: "plan" }, h("div", { class: "plan-title" }, withEmoji(typeof block.title === "string" ? block.title : block.title?.text), h("span", { class: "plan-count" }, `${done} of ${tasks.length}`)), tasks.map((one) => taskCard(one)));
}

export function video(block) {
  const href = safeHref(block.title_url ?? block.video_url);
  const title = block.title?.text ?? "Video";
  return h("div", { class: "video" }, h("div", { class: "video-still", role: "img", "aria-label": block.alt_text ?? title }, icon("play")),
    h("div", {}, h("div", { class: "card-title" }, href ? link(href, [title]) : title), h("div", { class: "card-subtitle" }, [block.provider_name, block.author_name].filter(Boolean).join(" · ") || `Videos are not played in ${store.state.team.name}`)));
}
