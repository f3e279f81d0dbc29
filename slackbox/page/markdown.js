// The `markdown` block: the usual Markdown that models write.
import { h } from "./dom.js";
import { link, plain } from "./inline.js";

const RULES = [
  { test: /^ {0,3}(```|~~~)/, draw: fence },
  { test: /^ {0,3}#{1,6}\s+\S/, draw: heading },
  { test: /^ {0,3}([-*_])(\s*\1){2,}\s*$/, draw: (cursor) => { cursor.take(); return h("hr"); } },
  { test: /^ {0,3}>/, draw: quote },
  { test: /^\s*([-*+]|\d{1,9}[.)])\s+/, draw: listOf },
];
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;

class Cursor {
  constructor(lines) { this.lines = lines; this.at = 0; }
  get line() { return this.lines[this.at]; }
  get next() { return this.lines[this.at + 1]; }
  get done() { return this.at >= this.lines.length; }
  take() { return this.lines[this.at++]; }
}

export const markdown = (text) => h("div", { class: "markdown" }, blocksOf(String(text ?? "").split(/\r?\n/)));

function blocksOf(lines) {
  const cursor = new Cursor(lines);
  const nodes = [];
  while (!cursor.done) {
    if (!cursor.line.trim()) { cursor.take(); continue; }
    const rule = RULES.find((one) => one.test.test(cursor.line));
    nodes.push(rule ? rule.draw(cursor) : isTable(cursor) ? table(cursor) : paragraph(cursor));
  }
  return nodes;
}

function fence(cursor) {
  const mark = cursor.take().trim().slice(0, 3);
  const body = [];
  while (!cursor.done && !cursor.line.trim().startsWith(mark)) body.push(cursor.take());
  cursor.take();
  return h("pre", { class: "fence", tabindex: "0" }, h("code", {}, body.join("\n")));
}

function heading(cursor) {
  const [, marks, words] = /^\s*(#{1,6})\s+(.*?)\s*#*$/.exec(cursor.take());
  return h(`h${Math.min(marks.length + 2, 6)}`, { class: `md-h${marks.length}` }, spans(words));
}

function quote(cursor) {
  const body = [];
  while (!cursor.done && /^ {0,3}>/.test(cursor.line)) body.push(cursor.take().replace(/^ {0,3}> ?/, ""));
  return h("blockquote", {}, blocksOf(body));
}

function listOf(cursor) {
  const [, lead, mark] = ITEM.exec(cursor.line);
  const ordered = /\d/.test(mark);
  const items = [];
  while (!cursor.done) {
    const found = ITEM.exec(cursor.line);
    if (!found || found[1].length < lead.length || /\d/.test(found[2]) !== ordered) break;
    cursor.take();
    items.push(h("li", {}, task(found[3]), nested(cursor, lead.length)));
  }
  return h(ordered ? "ol" : "ul", { class: "list", start: ordered ? String(parseInt(mark, 10)) : null }, items);
}

function nested(cursor, indent) {
  const body = [];
  while (!cursor.done && /\S/.test(cursor.line) && /^\s*/.exec(cursor.line)[0].length > indent) body.push(cursor.take());
  if (!body.length) return null;
  const least = Math.min(...body.map((line) => /^\s*/.exec(line)[0].length));
  return blocksOf(body.map((line) => line.slice(least)));
}

function task(words) {
  const found = /^\[([ xX])\]\s+(.*)$/.exec(words);
  if (!found) return spans(words);
  return [h("input", { type: "checkbox", disabled: true, checked: found[1] !== " ", "aria-label": found[1] === " " ? "open" : "done" }), " ", spans(found[2])];
}

const isTable = (cursor) => cursor.line.includes("|") && cursor.next !== undefined && TABLE_RULE.test(cursor.next) && cursor.next.includes("-");
const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

function table(cursor) {
  const head = cells(cursor.take());
  const aligns = cells(cursor.take()).map((cell) => (/:-*$/.test(cell) && cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "left"));
  const rows = [];
  while (!cursor.done && cursor.line.includes("|")) rows.push(cells(cursor.take()));
  const row = (tag, items) => h("tr", {}, head.map((_, i) => h(tag, { class: `align-${aligns[i] ?? "left"}`, scope: tag === "th" ? "col" : null }, spans(items[i] ?? ""))));
  return h("div", { class: "table-scroll" }, h("table", { class: "grid" }, h("thead", {}, row("th", head)), h("tbody", {}, rows.map((items) => row("td", items)))));
}

function paragraph(cursor) {
  const body = [cursor.take()];
  while (!cursor.done && cursor.line.trim() && !RULES.some((rule) => rule.test.test(cursor.line)) && !isTable(cursor)) body.push(cursor.take());
  return h("p", {}, body.flatMap((line, i) => [i ? h("br") : null, ...spans(line.trim())]));
}

const MARKS = [
  [/^\\([\\`*_{}[\]()#+\-.!~|<>])/, (found) => found[1]],
  [/^``(.+?)``/, (found) => h("code", { class: "code" }, found[1].trim())],
  [/^`([^`]+)`/, (found) => h("code", { class: "code" }, found[1])],
  [/^!?\[([^\]]*)\]\(<?([^\s)>]+)>?(?:\s+"[^"]*")?\)/, (found) => link(found[2], found[1] ? spans(found[1]) : null)],
  [/^<((?:https?:\/\/|mailto:)[^\s>]+)>/, (found) => link(found[1])],
  [/^(\*\*\*|___)(?=\S)(.+?)(?<=\S)\1/, (found) => h("strong", {}, h("em", {}, spans(found[2])))],
  [/^(\*\*|__)(?=\S)(.+?)(?<=\S)\1/, (found) => h("strong", {}, spans(found[2]))],
  [/^~~(?=\S)(.+?)(?<=\S)~~/, (found) => h("s", {}, spans(found[1]))],
  [/^\*(?=\S)([^*]+?)(?<=\S)\*/, (found) => h("em", {}, spans(found[1]))],
];
const UNDERSCORE = /^_(?=\S)([^_]+?)(?<=\S)_(?!\w)/;

function spans(text) {
  const nodes = [];
  let loose = "";
  const flush = () => { if (loose) nodes.push(...plain(loose)); loose = ""; };
  for (let i = 0; i < text.length;) {
    const found = /[\\`![<*_~]/.test(text[i]) ? markAt(text.slice(i), text[i - 1]) : null;
    if (!found) { loose += text[i++]; continue; }
    if (typeof found.node === "string") loose += found.node; else { flush(); nodes.push(found.node); }
    i += found.length;
  }
  flush();
  return nodes;
}

function markAt(rest, before) {
  for (const [pattern, draw] of MARKS) {
    const found = pattern.exec(rest);
    if (found && !(found[1] === "__" && /\w/.test(before ?? ""))) return { node: draw(found), length: found[0].length };
  }
  const found = /\w/.test(before ?? "") ? null : UNDERSCORE.exec(rest);
  return found ? { node: h("em", {}, spans(found[1])), length: found[0].length } : null;
}
