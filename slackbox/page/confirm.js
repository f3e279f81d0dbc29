// The small question Slack asks before a button acts.
import { h } from "./dom.js";
import { textObject } from "./mrkdwn.js";

/** Resolves to true when the person confirms. */
export function confirmed(question) {
  if (!question) return Promise.resolve(true);
  return new Promise((answer) => {
    const close = (yes) => { dialog.close(); dialog.remove(); back?.focus?.(); answer(yes); };
    const back = document.activeElement;
    const danger = question.style === "danger";
    const dialog = h("dialog", { class: "confirm", "aria-labelledby": "confirm-title" },
      h("h2", { id: "confirm-title" }, textObject(question.title ?? { type: "plain_text", text: "Are you sure?" })),
      h("div", { class: "confirm-text" }, textObject(question.text)),
      h("div", { class: "dialog-buttons" },
        h("button", { type: "button", class: "button", on: { click: () => close(false) } }, textObject(question.deny ?? { type: "plain_text", text: "Cancel" })),
        h("button", { type: "button", class: `button ${danger ? "danger-fill" : "primary"}`, "data-yes": "", on: { click: () => close(true) } }, textObject(question.confirm ?? { type: "plain_text", text: "Yes" }))));
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(false); });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("[data-yes]").focus();
  });
}
