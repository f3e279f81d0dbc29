// Block Kit: one table from block type to the function that draws it.
import { drawElement } from "./elements.js";
import { alert, card, carousel, container, plan, taskCard, video } from "./cards.js";
import { chart } from "./charts.js";
import { h, icon } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { image, imageBlock } from "./images.js";
import { markdown } from "./markdown.js";
import { textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";
import { dataTable, plainTable } from "./tables.js";
import { store } from "./store.js";

const BLOCKS = {
  section, header, divider: () => h("hr", { class: "divider" }), context, actions, input,
  image: imageBlock, rich_text: richText, markdown: (block) => markdown(block.text),
  table: plainTable, data_table: dataTable, data_visualization: chart,
  alert, card, carousel, container, plan, task_card: taskCard, video,
  context_actions: (block, place) => h("div", { class: "context-actions" }, (block.elements ?? []).map((element) => drawElement(element, block, place))),
};

/** The nodes of `blocks` as they stand at `place` (see act.js); `errors` are sentences by block_id. */
export function drawBlocks(blocks, place, errors = {}) {
  return (blocks ?? []).map((block, index) => drawBlock(block, { ...place, index, errors }));
}

export function drawBlock(block, place) {
  const known = Object.hasOwn(BLOCKS, block?.type);
  const node = known ? guarded(block, place) : unknown(block?.type);
  node.classList.add("block");
  node.dataset.type = node.classList.contains("cannot-display") ? "unknown" : block.type;
  if (block?.block_id) node.dataset.block = block.block_id;
  return node;
}

function guarded(block, place) {
  try {
    return BLOCKS[block.type](block, place);
  } catch (error) {
    console.warn(`block '${block.type}' could not be drawn: ${error.message}`);
    return unknown(block.type);
  }
}

const unknown = (type) => h("div", { class: "cannot-display", role: "note" }, icon("info"), h("span", {}, "This content can't be displayed", h("span", { class: "cannot-why" }, ` · block type '${type ?? "none"}'`)));

function header(block) {
  return h("h3", { class: `block-header level-${block.level ?? 0}` }, textObject(block.text));
}

function section(block, place) {
  const words = h("div", { class: "section-words" },
    block.text ? h("div", { class: "section-text" }, textObject(block.text)) : null,
    block.fields ? h("div", { class: "fields" }, block.fields.map((one) => h("div", { class: "field-cell" }, textObject(one)))) : null);
  const accessory = block.accessory ? h("div", { class: `accessory accessory-${wide(block.accessory) ? "wide" : "narrow"}` }, drawElement(block.accessory, block, place)) : null;
  return h("div", { class: "section" }, words, accessory);
}

const wide = (element) => ["radio_buttons", "checkboxes", "plain_text_input"].includes(element.type);

function context(block) {
  return h("div", { class: "context" }, (block.elements ?? []).map((element) =>
    element.type === "image" ? image(element, "context-image") : h("span", { class: "context-text" }, textObject(element))));
}

function actions(block, place) {
  return h("div", { class: "actions" }, (block.elements ?? []).map((element) => drawElement(element, block, place)));
}

let serial = 0;

function input(block, place) {
  const problem = place.errors?.[block.block_id];
  const id = `input-${++serial}`;
  const element = drawElement(block.element, block, place);
  const control = element.matches("input, textarea, button, [role=group], [role=radiogroup]") ? element : element.querySelector("input, textarea, button") ?? element;
  control.setAttribute("aria-describedby", `${id}-error ${id}-hint`);
  if (problem) control.setAttribute("aria-invalid", "true");
  if (!block.optional) control.setAttribute("aria-required", "true");
  return h("div", { class: `input-block${problem ? " invalid" : ""}` },
    h("div", { class: "input-label", id }, withEmoji(block.label?.text), block.optional ? h("span", { class: "optional" }, " (optional)") : null),
    element,
    h("div", { class: "input-error", id: `${id}-error`, role: problem ? "alert" : null, hidden: !problem }, problem ? [icon("warning"), problem] : null),
    h("div", { class: "input-hint", id: `${id}-hint`, hidden: !block.hint }, block.hint ? withEmoji(block.hint.text) : null));
}

/** The line in red under a message or view whose last action was refused. */
export function trouble(key) {
  const sentence = store.troubles.get(key);
  return sentence ? h("div", { class: "trouble", role: "alert" }, icon("warning"), h("span", {}, sentence)) : null;
}
