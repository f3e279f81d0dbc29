// The one tooltip of the page, for charts.
import { h } from "./dom.js";

const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });

export function showTip(title, rows, x, y) {
  const layer = document.querySelector("dialog[open]") ?? document.body;
  if (tip.parentNode !== layer) layer.append(tip);
  tip.replaceChildren(h("div", { class: "tip-title" }, title), ...rows.map((row) =>
    h("div", { class: "tip-row" }, h("span", { class: `dot tone-${row.tone}` }), h("span", { class: "tip-name" }, row.name), h("span", { class: "tip-value" }, row.value))));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x - box.width / 2, innerWidth - box.width - 8))}px`;
  tip.style.top = `${Math.max(8, y - box.height - 4)}px`;
}

export const hideTip = () => { tip.hidden = true; };
