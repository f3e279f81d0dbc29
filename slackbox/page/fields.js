// Typed fields of a form: text, number, address, date and time.
import { act, elementKey, setValue, valueOf } from "./act.js";
import { h } from "./dom.js";

const TEXT = (type, extra = {}) => ({ input: type, field: "value", initial: "initial_value", ...extra });
const FIELDS = {
  plain_text_input: TEXT("text"),
  email_text_input: TEXT("email"),
  url_text_input: TEXT("url"),
  number_input: TEXT("number"),
  datepicker: { input: "date", field: "selected_date", initial: "initial_date" },
  timepicker: { input: "time", field: "selected_time", initial: "initial_time" },
  datetimepicker: { input: "datetime-local", field: "selected_date_time", initial: "initial_date_time" },
  rich_text_input: TEXT("text", { multiline: true, field: "rich_text_value" }),
};

export const isField = (element) => Object.hasOwn(FIELDS, element?.type);

const pad = (number) => String(number).padStart(2, "0");
function localDateTime(seconds) {
  const at = new Date(seconds * 1000);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

const toInput = (kind, value) => (kind.input === "datetime-local" && value ? localDateTime(value) : kind.field === "rich_text_value" ? richToText(value) : value ?? "");
function fromInput(kind, text) {
  if (text === "") return null;
  if (kind.input === "datetime-local") return Math.floor(new Date(text).getTime() / 1000);
  return kind.field === "rich_text_value" ? textToRich(text) : text;
}
const textToRich = (text) => ({ type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }] });
const richToText = (block) => (block?.elements ?? []).flatMap((part) => part.elements ?? []).map((leaf) => leaf.text ?? "").join("");

export function field(element, block, place) {
  const kind = FIELDS[element.type];
  const initial = { [kind.field]: element[kind.initial] ?? null };
  const tall = element.multiline || kind.multiline;
  const input = h(tall ? "textarea" : "input", {
    class: "field", type: tall ? null : kind.input, rows: tall ? "4" : null, placeholder: element.placeholder?.text,
    maxlength: element.max_length, min: element.min_value, max: element.max_value, step: element.type === "number_input" ? (element.is_decimal_allowed ? "any" : "1") : null,
    "aria-label": block.label?.text ?? element.placeholder?.text ?? element.type.replaceAll("_", " "), autocomplete: "off",
    data: { k: elementKey(place, block, element), action: element.action_id, autofocus: element.focus_on_load ? "1" : null },
  });
  input.value = toInput(kind, valueOf(place, block, element, initial)[kind.field]);
  input.addEventListener("input", () => setValue(place, block, element, { [kind.field]: fromInput(kind, input.value) }));
  dispatching(input, kind, element, block, place);
  return input;
}

function dispatching(input, kind, element, block, place) {
  const speaks = block.type !== "input" || block.dispatch_action;
  if (!speaks) return;
  const say = () => act(place, block, element, { [kind.field]: fromInput(kind, input.value) }, input);
  const triggers = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  if (kind.field !== "value") { input.addEventListener("change", say); return; }
  if (triggers.includes("on_character_entered")) input.addEventListener("input", say);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing && triggers.includes("on_enter_pressed") && input.tagName === "INPUT") { event.preventDefault(); say(); }
  });
}

const ADDRESS = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
const filled = (value) => (Array.isArray(value) ? value.length > 0 : value !== null && value !== undefined && value !== "");

/** The sentence Slack would show under an input before sending anything, or null. */
export function fault(block, value) {
  const element = block.element ?? {};
  const given = Object.entries(value ?? {}).find(([key]) => key !== "type")?.[1];
  if (!filled(given)) return block.optional ? null : "Please complete this required field.";
  const checks = { number_input: numberFault, email_text_input: (_, text) => (ADDRESS.test(text) ? null : "Enter a valid email address."), url_text_input: (_, text) => (URL.canParse(text) ? null : "Enter a valid URL.") };
  if (typeof given === "string" && element.min_length && given.length < element.min_length) return `Enter at least ${element.min_length} characters.`;
  return Object.hasOwn(checks, element.type) ? checks[element.type](element, given) : null;
}

function numberFault(element, text) {
  const number = Number(text);
  if (!Number.isFinite(number)) return "Enter a number.";
  if (!element.is_decimal_allowed && !Number.isInteger(number)) return "Enter a whole number.";
  if (element.min_value !== undefined && number < Number(element.min_value)) return `Enter a number of at least ${element.min_value}.`;
  return element.max_value !== undefined && number > Number(element.max_value) ? `Enter a number of at most ${element.max_value}.` : null;
}
