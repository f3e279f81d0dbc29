// Faces: coloured initials for people, a small sign for the app, and the badges beside names.
import { clean, h, svg } from "./dom.js";
import { isBot, nameOf, userOf } from "./store.js";

const FALLBACK = "#6b6f76";

const initials = (name) => clean(name).split(/[\s._-]+/).filter(Boolean).slice(0, 2).map((part) => [...part][0].toUpperCase()).join("") || "?";

/** Dark letters on a light colour, light ones on a dark. */
function ink(color) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255);
  return 0.2126 * r ** 2.2 + 0.7152 * g ** 2.2 + 0.0722 * b ** 2.2 > 0.36 ? "#1d1c1d" : "#ffffff";
}

export function avatar(id, size = 36) {
  const color = /^#[0-9a-f]{6}$/i.test(userOf(id)?.color ?? "") ? userOf(id).color : FALLBACK;
  const face = isBot(id) ? appFace() : svg("text", { x: "18", y: "23", "text-anchor": "middle", class: "initials", fill: ink(color) }, initials(nameOf(id)));
  return svg("svg", { class: "avatar", viewBox: "0 0 36 36", width: String(size), height: String(size), "aria-hidden": "true" },
    svg("rect", { width: "36", height: "36", rx: "8", fill: isBot(id) ? "#7a3b80" : color }), face);
}

const appFace = () => svg("path", { d: "M10 25v-6M18 25V11M26 25v-10", stroke: "#fff", "stroke-width": "4", "stroke-linecap": "round", fill: "none" });

const BADGES = { guest: "GUEST", external: "EXTERNAL" };

export function badge(id) {
  if (isBot(id)) return h("span", { class: "badge" }, "APP");
  const word = BADGES[userOf(id)?.role];
  return word ? h("span", { class: "badge" }, word) : null;
}
