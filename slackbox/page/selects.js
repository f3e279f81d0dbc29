// Select menus, single and multiple.
import { act, elementKey, setValue, valueOf } from "./act.js";
import { choicesOf, idOf, isExternal, labelOf, selectKind } from "./choices.js";
import { h, icon } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { openMenu } from "./menus.js";

const FILTER_FROM = 9;

export function select(element, block, place) {
  const kind = selectKind(element);
  const initial = { [kind.field]: element[kind.initial] ?? (kind.many ? [] : null) };
  const current = () => valueOf(place, block, element, initial)[kind.field];
  const node = h("button", {
    type: "button", class: `button select${kind.many ? " many" : ""}`, "aria-haspopup": "listbox", "aria-expanded": "false", disabled: isExternal(element),
    title: isExternal(element) ? "External options are not offered by this local Slack" : null,
    data: { k: elementKey(place, block, element), action: element.action_id },
  });
  const draw = () => node.replaceChildren(...face(element, block, current(), kind.many), icon("down", "select-arrow"));
  draw();
  node.addEventListener("click", () => unfold({ element, block, place, kind, current, draw, node }));
  return node;
}

function face(element, block, value, many) {
  const placeholder = element.placeholder?.text ?? (many ? "Select options" : "Select an option");
  const name = block.label?.text ? h("span", { class: "unseen" }, `${block.label.text}: `) : "";
  if (many && value.length) return [name, h("span", { class: "chips" }, value.map((choice) => h("span", { class: "chip" }, withEmoji(labelOf(element, choice)))))].filter(Boolean);
  const words = many || value === null ? placeholder : labelOf(element, value);
  return [name, h("span", { class: many || value === null ? "placeholder" : "select-words" }, withEmoji(words))].filter(Boolean);
}

function unfold({ element, block, place, kind, current, draw, node }) {
  const before = JSON.stringify(current());
  const groups = choicesOf(element);
  const ids = new Set((kind.many ? current() : [current()]).map(idOf));
  for (const option of groups.flatMap((group) => group.options)) {
    option.chosen = ids.has(option.id);
    option.label = withEmoji(option.label);
  }
  const commit = (value) => {
    setValue(place, block, element, { [kind.field]: value });
    draw();
  };
  const dispatch = () => {
    const silent = block.type === "input" && !block.dispatch_action;
    if (!silent && JSON.stringify(current()) !== before) act(place, block, element, { [kind.field]: current() }, node);
  };
  openMenu({
    anchor: node, label: element.placeholder?.text ?? "Options", groups, many: kind.many,
    filter: groups.flatMap((group) => group.options).length >= FILTER_FROM,
    onChoose: (choice) => {
      if (!kind.many) { commit(choice.option); dispatch(); return; }
      const rest = current().filter((one) => idOf(one) !== choice.id);
      const full = element.max_selected_items && rest.length >= element.max_selected_items;
      if (choice.chosen && full) choice.chosen = false;
      commit(choice.chosen ? [...rest, choice.option] : rest);
    },
    onClose: () => { if (kind.many) dispatch(); },
  });
}
