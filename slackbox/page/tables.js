// `table` as it is, `data_table` with sorting and pages.
import { h, icon } from "./dom.js";
import { drawElement } from "./elements.js";
import { withEmoji } from "./emoji.js";
import { richText, richWords } from "./richtext.js";
import { remembered } from "./store.js";

const isNumber = (cell) => cell?.type === "raw_number";
const words = (cell) => (cell?.type === "rich_text" ? richWords(cell) : String(cell?.text ?? cell?.value ?? ""));

function content(cell, block, place) {
  if (cell?.type === "rich_text") return richText(cell);
  if (isNumber(cell) || cell?.type === "raw_text") return withEmoji(words(cell));
  if (cell?.type === "button" || cell?.element?.type === "button") return drawElement(cell.element ?? cell, block, place);
  return words(cell);
}

const numeric = (rows, column) => rows.length > 0 && rows.every((row) => isNumber(row[column]));

export function plainTable(block, place) {
  const [head = [], ...body] = block.rows ?? [];
  const look = (column) => {
    const setting = block.column_settings?.[column] ?? {};
    const align = ["left", "center", "right"].includes(setting.align) ? setting.align : numeric(body, column) ? "right" : "left";
    return `align-${align}${setting.is_wrapped ? " wrapped" : ""}`;
  };
  const row = (cells, tag) => h("tr", {}, cells.map((cell, column) => h(tag, { class: look(column), scope: tag === "th" ? "col" : null }, content(cell, block, place))));
  return h("div", { class: "table-scroll", tabindex: "0", role: "group", "aria-label": "Table" }, h("table", { class: "grid" }, h("thead", {}, row(head, "th")), h("tbody", {}, body.map((cells) => row(cells, "td")))));
}

export function dataTable(block, place) {
  const [head = [], ...body] = block.rows ?? [];
  const view = remembered(`table:${place.key}:${place.index}:${block.caption}`, () => ({ column: -1, down: false, page: 0 }));
  const root = h("div", { class: "data-table" });
  const draw = () => {
    const back = root.contains(document.activeElement) ? document.activeElement.dataset.k : null;
    root.replaceChildren(...drawDataTable({ block, place, head, body, view, draw }));
    if (back) (root.querySelector(`[data-k="${CSS.escape(back)}"]:not(:disabled)`) ?? root.querySelector(".pager button:not(:disabled)"))?.focus({ preventScroll: true });
  };
  draw();
  return root;
}

function drawDataTable(table) {
  const { block, place, head, body, view, draw } = table;
  const size = Math.min(Math.max(block.page_size ?? 5, 1), 100);
  const pages = Math.max(1, Math.ceil(body.length / size));
  view.page = Math.min(view.page, pages - 1);
  const from = view.page * size;
  const rows = sorted(body, view).slice(from, from + size);
  const named = block.row_header_column_index ?? 0;
  const cell = (item, column) => {
    const tag = column === named ? "th" : "td";
    return h(tag, { class: `align-${numeric(body, column) ? "right" : "left"}`, scope: tag === "th" ? "row" : null }, content(item, block, place));
  };
  const parts = [h("div", { class: "table-scroll", tabindex: "0", role: "group", "aria-label": block.caption }, h("table", { class: "grid" },
    h("caption", {}, withEmoji(block.caption)),
    h("thead", {}, h("tr", {}, head.map((item, column) => heading(item, column, table)))),
    h("tbody", {}, rows.map((items) => h("tr", {}, items.map(cell))))))];
  if (pages > 1) parts.push(pager({ view, draw, pages, from, shown: rows.length, total: body.length, key: `${place.key}|${place.index}` }));
  return parts;
}

function heading(item, column, { view, draw, body, place }) {
  const active = view.column === column;
  const order = active ? (view.down ? "descending" : "ascending") : "none";
  const button = h("button", { type: "button", class: `sort${active ? " active" : ""}`, data: { k: `${place.key}|${place.index}|sort${column}` } }, h("span", {}, withEmoji(words(item))), icon(active ? (view.down ? "down" : "up") : "sort"));
  button.addEventListener("click", () => {
    Object.assign(view, nextOrder(view, column, numeric(body, column)), { page: 0 });
    draw();
  });
  return h("th", { scope: "col", "aria-sort": order, class: `align-${numeric(body, column) ? "right" : "left"}` }, button);
}

/** Largest number or first letter first, then turned round, then as the app sent it. */
function nextOrder(view, column, number) {
  if (view.column !== column) return { column, down: number };
  return view.down === number ? { column, down: !number } : { column: -1, down: false };
}

function sorted(body, { column, down }) {
  if (column < 0) return body;
  const sign = down ? -1 : 1;
  const compare = numeric(body, column)
    ? (a, b) => Number(a[column].value) - Number(b[column].value)
    : (a, b) => words(a[column]).localeCompare(words(b[column]), "en", { numeric: true });
  return [...body].sort((a, b) => sign * compare(a, b));
}

function pager({ view, draw, pages, from, shown, total, key }) {
  const step = (label, by, name) => h("button", {
    type: "button", class: "icon-button", "aria-label": label, disabled: view.page + by < 0 || view.page + by >= pages, data: { k: `${key}|${name}` },
    on: { click: () => { view.page += by; draw(); } },
  }, icon(by < 0 ? "left" : "right"));
  return h("div", { class: "pager" }, h("span", { "aria-live": "polite" }, `${from + 1}–${from + shown} of ${total}`), step("Previous page", -1, "previous"), step("Next page", 1, "next"));
}
