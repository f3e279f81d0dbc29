// What a click or a choice becomes: the payload Slack would send, and the values of all inputs beside it.
import { confirmed } from "./confirm.js";
import { announce } from "./dom.js";
import { remembered, tell } from "./store.js";

/** Where blocks stand: `surface` is what the server calls it, `key` what the page calls it. */
export const surfaceOf = {
  message: (channel, message, inThread) => ({ surface: { message: { channel, ts: message.ts } }, key: `${inThread ? "t" : "m"}:${channel}:${message.ts}` }),
  view: (id) => ({ surface: { view: id }, key: `v:${id}`, keepsInput: true }),
  home: (id) => ({ surface: { view: id }, key: "home" }),
};

export const elementKey = (place, block, element) => `${place.key}|${block.block_id ?? ""}|${element.action_id ?? ""}`;
const formOf = (place) => remembered(`form:${place.key}`, () => new Map());

/** The value the person gave this element, or what `initial` says; a message's new version starts afresh, a modal keeps. */
export function valueOf(place, block, element, initial) {
  const form = formOf(place);
  const id = elementKey(place, block, element);
  const mark = place.keepsInput ? element.type : JSON.stringify(element);
  const known = form.get(id);
  if (known && known.mark === mark) return known.value;
  form.set(id, { mark, block: block.block_id, action: element.action_id, type: element.type, value: initial });
  return initial;
}

export function setValue(place, block, element, value) {
  const known = formOf(place).get(elementKey(place, block, element));
  known.value = value;
}

const idsIn = (blocks) => blocks.flatMap((block) => [block.block_id, ...idsIn(block.child_blocks ?? [])]);

/** All inputs as `{block_id: {action_id: {type, …}}}`, for the blocks now shown. */
export function stateValues(place, blocks) {
  const shown = new Set(idsIn(blocks ?? []));
  const values = {};
  for (const { block, action, type, value } of formOf(place).values()) {
    if (blocks && !shown.has(block)) continue;
    (values[block] ??= {})[action] = { type, ...value };
  }
  return values;
}

export async function act(place, block, element, payload, node) {
  if (!(await confirmed(element.confirm))) return false;
  node?.setAttribute("aria-busy", "true");
  const values = stateValues(place);
  const body = { ...place.surface, block_id: block.block_id, action_id: element.action_id, type: element.type, ...payload };
  if (Object.keys(values).length) body.state = { values };
  const done = await tell("interact", body, place.key);
  node?.removeAttribute("aria-busy");
  if (!done) announce("The action was refused.");
  return done;
}
