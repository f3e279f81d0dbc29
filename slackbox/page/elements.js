// Interactive elements: buttons, menus and the fields of a form.
import { act, elementKey, setValue, valueOf } from "./act.js";
import { choicesOf, isSelect } from "./choices.js";
import { h, icon, safeHref } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { field, isField } from "./fields.js";
import { image } from "./images.js";
import { openMenu } from "./menus.js";
import { mrkdwn, textObject } from "./mrkdwn.js";
import { select } from "./selects.js";
import { me } from "./store.js";

const DRAW = { button, workflow_button: button, overflow, radio_buttons: choicesField, checkboxes: choicesField, feedback_buttons: feedback, icon_button: iconButton, image: (element) => image(element, "thumb") };

/** The node of one block element; `block` gives it the block_id, `place` the message or view. */
export function drawElement(element, block, place) {
  if (Object.hasOwn(DRAW, element?.type)) return DRAW[element.type](element, block, place);
  if (isSelect(element)) return select(element, block, place);
  if (isField(element)) return field(element, block, place);
  if (element?.type === "mrkdwn" || element?.type === "plain_text") return h("span", {}, textObject(element));
  return h("span", { class: "unknown-inline", title: `element type '${element?.type}'` }, "This control can't be displayed");
}

function button(element, block, place) {
  const href = element.url ? safeHref(element.url) : null;
  const node = h("button", {
    type: "button", class: `button ${element.style === "primary" ? "primary" : element.style === "danger" ? "danger" : ""}`,
    "aria-label": element.accessibility_label, data: { k: elementKey(place, block, element), action: element.action_id },
    title: element.url && !href ? "This address is not opened: only http, https and mailto are" : null,
  }, textObject(element.text));
  node.addEventListener("click", async () => {
    if (node.getAttribute("aria-busy")) return;
    if (href) window.open(href, "_blank", "noopener,noreferrer");
    await act(place, block, element, { value: element.value }, node);
  });
  return node;
}

function iconButton(element, block, place) {
  if (element.visible_to_user_ids?.length && !element.visible_to_user_ids.includes(me())) return h("span", { hidden: true });
  const known = ["trash", "thumbs_up", "thumbs_down", "check", "info", "warning", "close", "link"].includes(element.icon) ? element.icon : "dots";
  return h("button", {
    type: "button", class: "icon-button", "aria-label": element.accessibility_label ?? element.text?.text, title: element.text?.text,
    data: { k: elementKey(place, block, element), action: element.action_id },
    on: { click: (event) => act(place, block, element, { value: element.value }, event.currentTarget) },
  }, icon(known));
}

function feedback(element, block, place) {
  const one = (choice, name) => h("button", {
    type: "button", class: "icon-button", "aria-label": choice?.accessibility_label ?? choice?.text?.text ?? name, title: choice?.text?.text,
    data: { k: `${elementKey(place, block, element)}|${name}`, action: element.action_id },
    on: { click: (event) => act(place, block, element, { value: choice?.value }, event.currentTarget) },
  }, icon(name));
  return h("span", { class: "feedback", role: "group", "aria-label": "Feedback" }, one(element.positive_button, "thumbs_up"), one(element.negative_button, "thumbs_down"));
}

function overflow(element, block, place) {
  const node = h("button", {
    type: "button", class: "button overflow", "aria-label": element.accessibility_label ?? "More options", "aria-haspopup": "menu", "aria-expanded": "false",
    data: { k: elementKey(place, block, element), action: element.action_id },
  }, icon("dots"));
  node.addEventListener("click", () => openMenu({
    anchor: node, label: "More options", role: "menu", groups: [{ options: choicesOf(element).flatMap((group) => group.options) }],
    onChoose: ({ option }) => {
      const href = option.url ? safeHref(option.url) : null;
      if (href) window.open(href, "_blank", "noopener,noreferrer");
      act(place, block, element, { selected_option: option }, node);
    },
  }));
  return node;
}

let serial = 0;

function choicesField(element, block, place) {
  const many = element.type === "checkboxes";
  const initial = many ? { selected_options: element.initial_options ?? [] } : { selected_option: element.initial_option ?? null };
  const value = valueOf(place, block, element, initial);
  const chosen = () => (many ? valueOf(place, block, element, initial).selected_options : [valueOf(place, block, element, initial).selected_option]).map((option) => option?.value);
  const name = `choice-${++serial}`;
  const rows = (element.options ?? []).map((option, index) => {
    const input = h("input", { type: many ? "checkbox" : "radio", name, checked: chosen().includes(option.value), data: { k: `${elementKey(place, block, element)}|${index}`, action: element.action_id } });
    input.addEventListener("change", () => {
      const rest = (value.selected_options ?? []).filter((one) => one.value !== option.value);
      const next = many ? { selected_options: input.checked ? [...rest, option] : rest } : { selected_option: option };
      Object.assign(value, next);
      setValue(place, block, element, value);
      if (block.type !== "input" || block.dispatch_action) act(place, block, element, next, input);
    });
    const words = option.text?.type === "mrkdwn" ? mrkdwn(option.text.text) : [withEmoji(option.text?.text)];
    return h("label", { class: "choice" }, input, h("span", {}, words, option.description ? h("span", { class: "choice-more" }, textObject(option.description)) : null));
  });
  return h("div", { class: "choices", role: many ? "group" : "radiogroup", "aria-label": block.label?.text ?? "Options" }, rows);
}
