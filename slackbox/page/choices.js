// What a select offers and how its choice is called in the payload.
import { clean } from "./dom.js";
import { channelTitle, nameOf, store } from "./store.js";

const ONE = (field, initial, source) => ({ field, initial, source, many: false });
const MANY = (field, initial, source) => ({ field, initial, source, many: true });

const people = () => store.state.users.filter((user) => !user.deleted).map((user) => entry(user.id, nameOf(user.id), user.real_name && user.name !== user.real_name ? `@${user.name}` : ""));
const rooms = () => store.state.channels.filter((channel) => channel.kind === "public" && !channel.archived).map((channel) => entry(channel.id, `#${channel.name}`));
const talks = () => store.state.channels.filter((channel) => !channel.archived).map((channel) => entry(channel.id, channel.kind === "im" ? channelTitle(channel) : `#${channel.name}`));
const entry = (id, label, description = "") => ({ id, label, description, option: id });

const SELECTS = {
  static_select: ONE("selected_option", "initial_option"),
  users_select: ONE("selected_user", "initial_user", people),
  channels_select: ONE("selected_channel", "initial_channel", rooms),
  conversations_select: ONE("selected_conversation", "initial_conversation", talks),
  external_select: ONE("selected_option", "initial_option"),
  multi_static_select: MANY("selected_options", "initial_options"),
  multi_users_select: MANY("selected_users", "initial_users", people),
  multi_channels_select: MANY("selected_channels", "initial_channels", rooms),
  multi_conversations_select: MANY("selected_conversations", "initial_conversations", talks),
  multi_external_select: MANY("selected_options", "initial_options"),
};

export const isSelect = (element) => Object.hasOwn(SELECTS, element?.type);
export const selectKind = (element) => SELECTS[element.type];
export const isExternal = (element) => element.type.endsWith("external_select");

const fromOption = (option) => ({ id: option.value, label: clean(option.text?.text), description: clean(option.description?.text), option });

/** Groups of `{id, label, description, option}`; `option` is what the payload carries. */
export function choicesOf(element) {
  const kind = SELECTS[element.type];
  if (kind?.source) return [{ label: "", options: kind.source() }];
  if (element.option_groups) return element.option_groups.map((group) => ({ label: clean(group.label?.text), options: (group.options ?? []).map(fromOption) }));
  return [{ label: "", options: (element.options ?? []).map(fromOption) }];
}

export const idOf = (choice) => (choice && typeof choice === "object" ? choice.value : choice);

export function labelOf(element, choice) {
  if (choice && typeof choice === "object") return clean(choice.text?.text);
  return choicesOf(element).flatMap((group) => group.options).find((option) => option.id === choice)?.label ?? String(choice);
}
