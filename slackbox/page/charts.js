// data_visualization: line, bar, area and pie as SVG that is drawn for the width it has.
import { clean, h, svg } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { pie } from "./pie.js";
import { exact, fitted, labelPlan, short, tickLabels, ticks, tight } from "./scale.js";
import { hideTip, showTip } from "./tips.js";

const KINDS = { line, bar, area, pie };
const HEIGHT = 236;
const BOLD = 1.12; // bold figures are that much wider than the plain ones measured
const drawers = new WeakMap();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const drawer = drawers.get(target);
    const width = Math.floor(contentRect.width);
    if (width > 0 && drawer && drawer.width !== width) { drawer.width = width; drawer.draw(width); }
    if (!target.isConnected) sizes.unobserve(target);
  }
});

export function chart(block) {
  const spec = block.chart ?? {};
  if (!Object.hasOwn(KINDS, spec.type)) throw new Error(`chart type '${spec.type}'`);
  const data = spec.type === "pie" ? { segments: spec.segments ?? [] } : seriesOf(spec);
  const stage = h("div", { class: `stage stage-${spec.type}` });
  drawers.set(stage, { width: 0, draw: (width) => stage.replaceChildren(KINDS[spec.type](data, width, spoken(block.title, spec, data))) });
  sizes.observe(stage);
  return h("figure", { class: "chart" }, h("figcaption", { class: "chart-title" }, withEmoji(block.title)), stage, legend(spec.type, data));
}

function seriesOf(spec) {
  const axis = spec.axis_config ?? {};
  const categories = (axis.categories ?? spec.series?.[0]?.data?.map((point) => point.label) ?? []).map(clean);
  const series = (spec.series ?? []).map((one, index) => {
    const byLabel = new Map((one.data ?? []).map((point) => [clean(point.label), point.value]));
    return { name: clean(one.name), tone: index % 12, values: categories.map((label) => (Number.isFinite(byLabel.get(label)) ? byLabel.get(label) : null)) };
  });
  return { categories, series, xLabel: axis.x_label ?? "", yLabel: axis.y_label ?? "" };
}

function legend(type, { series, segments }) {
  if (type === "pie") return null;
  if (series.length < 2) return null;
  return h("ul", { class: "legend", "aria-hidden": "true" }, series.map((one) => h("li", {}, h("span", { class: `dot tone-${one.tone}` }), one.name)));
}

/** The chart in words: a screen reader hears every number. */
function spoken(title, spec, { categories, series, segments, yLabel }) {
  const head = `${spec.type} chart: ${title ?? ""}.`;
  if (spec.type === "pie") return `${head} ${segments.map((one) => `${one.label} ${exact(one.value)}`).join(", ")}.`;
  const unit = yLabel ? ` (${yLabel})` : "";
  return `${head} ${series.map((one) => `${one.name}${unit}: ${one.values.map((value, i) => `${categories[i]} ${value === null ? "missing" : exact(value)}`).join(", ")}`).join("; ")}.`;
}

const pen = document.createElement("canvas").getContext("2d");
function measureAt(size) {
  pen.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return (text) => pen.measureText(text).width;
}

/** Measures everything once: where the plot lies, where a value and a category stand. */
function frame(data, width, isBar) {
  const measure = measureAt(11);
  const values = data.series.flatMap((one) => one.values).filter((value) => value !== null);
  const marks = ticks(Math.min(...values, 0), Math.max(...values, 0), 5);
  const labels = tickLabels(marks);
  const left = Math.ceil(Math.max(...labels.map(measure))) + 12 + (data.yLabel ? 18 : 0);
  const right = 12;
  const count = Math.max(data.categories.length, 1);
  const step = (width - left - right) / count;
  const plan = labelPlan(data.categories.map(measure), step, { everyName: isBar });
  const top = 18;
  const bottom = plan.height + 8 + (data.xLabel ? 18 : 0);
  const height = HEIGHT + (plan.slant ? plan.height - 18 : 0);
  const [low, high] = [marks[0], marks.at(-1)];
  const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
  const x = (index) => left + step * (index + 0.5);
  return { data, width, height, left, right, top, bottom, step, plan, marks, labels, x, y, measure, floor: height - bottom };
}

function plot(data, width, label, isBar, drawMarks) {
  const area = frame(data, width, isBar);
  const root = svg("svg", { viewBox: `0 0 ${width} ${area.height}`, width: String(width), height: String(area.height), class: "plot", role: "img", "aria-label": label, tabindex: "0" }, grid(area), names(area), drawMarks(area));
  pointing(root, area);
  return root;
}

function grid({ marks, labels, left, width, right, y, data, top, floor, height }) {
  const lines = marks.map((mark, i) => [
    svg("line", { x1: left, x2: width - right, y1: y(mark), y2: y(mark), class: mark === 0 ? "zero" : "gridline" }),
    svg("text", { x: left - 8, y: y(mark) + 4, class: "tick", "text-anchor": "end" }, labels[i]),
  ]);
  const middle = (top + floor) / 2;
  if (data.yLabel) lines.push(svg("text", { x: 11, y: middle, class: "axis-label", "text-anchor": "middle", transform: `rotate(-90 11 ${middle})` }, fitted(data.yLabel, floor - top, measureAt(11))));
  if (data.xLabel) lines.push(svg("text", { x: (left + width - right) / 2, y: height - 4, class: "axis-label", "text-anchor": "middle" }, data.xLabel));
  return lines;
}

function names({ data, plan, x, floor, measure, width }) {
  return data.categories.map((name, index) => {
    if (index % plan.every) return null;
    const at = { x: x(index), y: floor + 17 };
    const half = measure(name) / 2;
    if (!plan.slant && (at.x + half > width || at.x < half)) return null;
    if (!plan.slant) return svg("text", { ...at, class: "tick category", "text-anchor": "middle" }, name);
    return svg("text", { x: at.x + 4, y: floor + 13, class: "tick category", "text-anchor": "end", transform: `rotate(-45 ${at.x + 4} ${floor + 13})` }, fitted(name, Math.min(plan.limit, at.x * Math.SQRT2), measure));
  });
}

function bar(data, width, label) {
  return plot(data, width, label, true, (area) => {
    const room = Math.min(area.step * 0.72, 56 * data.series.length);
    const thick = room / data.series.length;
    const bars = data.series.flatMap((one, s) => one.values.map((value, i) => (value === null ? null : oneBar(area, value, area.x(i) - room / 2 + thick * s, thick, one.tone, i))));
    return [...bars, ...valueLabels(area, thick)];
  });
}

function oneBar({ y }, value, left, thick, tone, index) {
  const gap = thick > 6 ? 1 : 0.25;
  const [top, base] = value >= 0 ? [y(value), y(0)] : [y(value), y(0)];
  const radius = Math.min(4, thick / 3, Math.abs(base - top));
  const [l, r, up] = [left + gap, left + thick - gap, value >= 0 ? 1 : -1];
  const path = `M${l} ${base}V${top + up * radius}Q${l} ${top} ${l + radius} ${top}H${r - radius}Q${r} ${top} ${r} ${top + up * radius}V${base}Z`;
  return svg("path", { d: path, class: `bar tone-${tone}`, "data-index": String(index) });
}

/** Figures on the bars when there is one series and they fit. */
function valueLabels({ data, x, y, step, measure }) {
  if (data.series.length !== 1) return [];
  const worded = (write) => data.series[0].values.map((value) => (value === null ? "" : write(value)));
  const fits = (texts) => Math.max(...texts.map(measure)) * BOLD + 4 <= step;
  const texts = [worded(short), worded(tight)].find(fits);
  if (!texts) return [];
  return data.series[0].values.map((value, i) => (value === null ? null : svg("text", { x: x(i), y: y(value) + (value >= 0 ? -5 : 13), class: "value", "text-anchor": "middle" }, texts[i])));
}

function line(data, width, label) {
  return plot(data, width, label, false, (area) => data.series.map((one) => stroke(area, one)));
}

function area(data, width, label) {
  return plot(data, width, label, false, (frame) => data.series.map((one) => [runs(one.values).map((run) => fill(frame, one, run)), stroke(frame, one)]));
}

/** Unbroken stretches of indexes that have a value: missing is a gap, not a zero. */
function runs(values) {
  const found = [];
  values.forEach((value, i) => {
    if (value === null) return;
    if (i > 0 && values[i - 1] !== null) found.at(-1).push(i); else found.push([i]);
  });
  return found;
}

function stroke({ x, y, data }, one) {
  const path = runs(one.values).map((run) => run.map((i, n) => `${n ? "L" : "M"}${x(i)} ${y(one.values[i])}`).join("")).join("");
  const dots = data.categories.length <= 14 || runs(one.values).some((run) => run.length === 1);
  return svg("g", { class: `tone-${one.tone}` }, svg("path", { d: path, class: "stroke" }),
    dots ? one.values.map((value, i) => (value === null ? null : svg("circle", { cx: x(i), cy: y(value), r: "3", class: "point", "data-index": String(i) }))) : null);
}

function fill({ x, y }, one, run) {
  const path = run.map((i, n) => `${n ? "L" : "M"}${x(i)} ${y(one.values[i])}`).join("");
  return svg("path", { d: `${path}L${x(run.at(-1))} ${y(0)}L${x(run[0])} ${y(0)}Z`, class: `fill tone-${one.tone}` });
}

function pointing(root, { data, left, step, x, top, floor }) {
  const guide = svg("line", { class: "guide", y1: top, y2: floor, visibility: "hidden" });
  root.insertBefore(guide, root.firstChild);
  let at = -1;
  const show = (index) => {
    at = Math.max(0, Math.min(index, data.categories.length - 1));
    for (const [name, value] of [["x1", x(at)], ["x2", x(at)], ["visibility", "visible"]]) guide.setAttribute(name, value);
    const box = root.getBoundingClientRect();
    const rows = data.series.filter((one) => one.values[at] !== null).map((one) => ({ tone: one.tone, name: one.name, value: exact(one.values[at]) }));
    showTip(data.categories[at], rows, box.left + x(at) * (box.width / root.viewBox.baseVal.width), box.top + top);
  };
  const hide = () => { at = -1; guide.setAttribute("visibility", "hidden"); hideTip(); };
  root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect();
    show(Math.floor(((event.clientX - box.left) * (root.viewBox.baseVal.width / box.width) - left) / step));
  });
  root.addEventListener("pointerleave", hide);
  root.addEventListener("blur", hide);
  root.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) { event.preventDefault(); show(at < 0 ? 0 : at + by); } else if (event.key === "Escape") hide();
  });
}
