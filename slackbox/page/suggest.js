// What to offer while somebody types: commands after a slash, people after an at sign.
import { h, icon } from "./dom.js";
import { avatar } from "./people.js";
import { me, nameOf, store } from "./store.js";

const MOST = 8;

/** `{offers, hint}` for the text up to the caret. */
export function suggestionsFor(text, caret, inThread) {
  const before = text.slice(0, caret);
  if (!inThread && /^\/\S*$/.test(before) && !text.includes("\n")) return { offers: commandOffers(before, text), hint: null };
  const command = inThread ? null : store.state.commands.find((one) => text === one.command || text.startsWith(`${one.command} `));
  const at = /(?:^|\s)@([\w.-]*)$/.exec(before);
  return { offers: at ? peopleOffers(at[1], caret) : [], hint: command ? commandHint(command) : null };
}

function commandOffers(typed, text) {
  const end = /^\/\S*/.exec(text)[0].length;
  return store.state.commands.filter((one) => one.command.startsWith(typed.toLowerCase())).slice(0, MOST).map((one) => ({
    label: one.command, usage: one.usage_hint, more: one.description, text: `${one.command} `, from: 0, to: end, face: h("span", { class: "suggest-face" }, avatar(store.state.app.bot_user, 24)),
  }));
}

const commandHint = (one) => h("span", { class: "command-hint" }, icon("info"), h("strong", {}, one.command), one.usage_hint ? h("span", { class: "usage" }, ` ${one.usage_hint}`) : null, one.description ? h("span", { class: "more" }, ` · ${one.description}`) : null);

function peopleOffers(typed, caret) {
  const wanted = typed.toLowerCase();
  const fits = (user) => !user.deleted && user.id !== me() && (user.name.toLowerCase().startsWith(wanted) || nameOf(user.id).toLowerCase().startsWith(wanted));
  return store.state.users.filter(fits).slice(0, MOST).map((user) => ({
    label: nameOf(user.id), more: `@${user.name}`, text: `@${user.name} `, from: caret - typed.length - 1, to: caret, face: h("span", { class: "suggest-face" }, avatar(user.id, 24)),
  }));
}
