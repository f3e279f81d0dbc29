// Numbers on an axis: round steps, short words, and how labels fit beside each other. Pure; knows nothing of the page.

const STEPS = [1, 2, 2.5, 5, 10];

/** Round tick values that cover `low`..`high`, zero included, about `count` of them. */
export function ticks(low, high, count = 5) {
  const from = Math.min(low, 0);
  const to = Math.max(high, 0);
  const span = to - from || 1;
  const power = 10 ** Math.floor(Math.log10(span / count));
  const step = STEPS.map((size) => size * power).find((size) => span / size <= count) ?? 10 * power;
  const first = Math.floor(from / step + 1e-9);
  const last = Math.max(Math.ceil(to / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const UNITS = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];

/** `12.5k`, `3M`, `0.04`: short enough for an axis or on top of a bar. */
export function short(value) {
  const size = Math.abs(value);
  const unit = UNITS.find(([least]) => size >= least * 0.9995 && (least > 1e3 || size >= 9999.5));
  if (unit) return `${trim(value / unit[0], 3)}${unit[1]}`;
  if (size >= 100 || Number.isInteger(value)) return minus(Math.round(value).toLocaleString("en-US"));
  return trim(value, size >= 1 ? 3 : 2);
}

/** Shorter still, `1.7k`: for figures on narrow bars. */
export function tight(value) {
  const unit = UNITS.find(([least]) => Math.abs(value) >= least * 0.9995);
  return unit ? `${trim(value / unit[0], 2)}${unit[1]}` : short(value);
}

const trim = (value, digits) => minus(Number(value.toPrecision(digits)).toLocaleString("en-US", { maximumFractionDigits: 6 }));

export const exact = (value) => minus(Number(value).toLocaleString("en-US", { maximumFractionDigits: 6 }));
const minus = (text) => text.replace("-", "−");

/** Tick labels all with the same number of decimals. */
export function tickLabels(values) {
  const labels = values.map(short);
  if (new Set(labels).size === values.length) return labels;
  return values.map(exact);
}

/**
 * How category labels of these `widths` stand `step` apart: flat when they fit; else every `every`-th, or slanted.
 * Bars want every name, so they slant first; lines read well with every second or third.
 */
export function labelPlan(widths, step, { everyName, limit = 96 }) {
  const widest = Math.max(...widths, 1);
  const gap = 10;
  if (widest + gap <= step) return { slant: false, every: 1, height: 18 };
  const skip = Math.ceil((widest + gap) / step);
  if (!everyName && skip <= 3 && widths.length > 6) return { slant: false, every: skip, height: 18 };
  const every = Math.ceil(17 / step);
  return { slant: true, every, limit, height: Math.min(widest, limit) * Math.SQRT1_2 + 14 };
}

/** `text` cut with … so that `measure(text)` is at most `limit`. */
export function fitted(text, limit, measure) {
  if (measure(text) <= limit) return text;
  let cut = text;
  while (cut.length > 1 && measure(`${cut}…`) > limit) cut = cut.slice(0, -1);
  return `${cut.trimEnd()}…`;
}
