// Pie charts: a ring with its total in the middle and a legend that says each share.
import { clean, h, svg } from "./dom.js";
import { exact, short } from "./scale.js";
import { hideTip, showTip } from "./tips.js";

const SIZE = 184;
const [OUTER, INNER] = [90, 54];

export function pie({ segments }, width, label) {
  const usable = segments.filter((one) => one.value > 0);
  const total = usable.reduce((sum, one) => sum + one.value, 0);
  let turn = 0;
  const slices = usable.map((one, index) => {
    const from = turn;
    turn += one.value / total;
    return { label: clean(one.label), value: one.value, share: one.value / total, from, to: turn, tone: index % 12 };
  });
  return h("div", { class: `pie${width < 420 ? " stacked" : ""}` }, ring(slices, total, label), list(slices));
}

const share = (part) => `${(part * 100).toLocaleString("en-US", { maximumFractionDigits: part < 0.1 ? 1 : 0 })}%`;

function ring(slices, total, label) {
  const root = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, width: String(SIZE), height: String(SIZE), role: "img", "aria-label": label, class: "ring" });
  for (const slice of slices) root.append(arc(slice, slices.length === 1));
  root.append(svg("text", { x: SIZE / 2, y: SIZE / 2 - 2, class: "ring-total", "text-anchor": "middle" }, short(total)), svg("text", { x: SIZE / 2, y: SIZE / 2 + 15, class: "tick", "text-anchor": "middle" }, "total"));
  return root;
}

function arc(slice, whole) {
  const node = whole
    ? svg("circle", { cx: SIZE / 2, cy: SIZE / 2, r: (OUTER + INNER) / 2, "stroke-width": OUTER - INNER, class: `whole tone-${slice.tone}` })
    : svg("path", { d: wedge(slice), class: `slice tone-${slice.tone}` });
  node.addEventListener("pointermove", (event) => showTip(slice.label, [{ tone: slice.tone, name: share(slice.share), value: exact(slice.value) }], event.clientX, event.clientY - 14));
  node.addEventListener("pointerleave", hideTip);
  return node;
}

const spot = (turn, radius) => {
  const angle = turn * 2 * Math.PI - Math.PI / 2;
  return `${(SIZE / 2 + radius * Math.cos(angle)).toFixed(2)} ${(SIZE / 2 + radius * Math.sin(angle)).toFixed(2)}`;
};

function wedge({ from, to }) {
  const large = to - from > 0.5 ? 1 : 0;
  return `M${spot(from, OUTER)}A${OUTER} ${OUTER} 0 ${large} 1 ${spot(to, OUTER)}L${spot(to, INNER)}A${INNER} ${INNER} 0 ${large} 0 ${spot(from, INNER)}Z`;
}

const list = (slices) => h("ul", { class: "pie-legend", "aria-hidden": "true" }, slices.map((slice) =>
  h("li", {}, h("span", { class: `dot tone-${slice.tone}` }), h("span", { class: "pie-name" }, slice.label), h("span", { class: "pie-value" }, exact(slice.value)), h("span", { class: "pie-share" }, share(slice.share)))));
