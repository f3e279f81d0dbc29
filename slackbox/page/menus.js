// Pop-up lists: selects, overflow menus, the user switcher, the composer's suggestions all look and behave alike.
import { append, h, icon, clean } from "./dom.js";

let open = null;
let serial = 0;

export const menuIsOpen = () => open !== null;

/**
 * Opens a list at `anchor`. `groups` is [{label, options: [{label, description, chosen, disabled, node}]}];
 * `onChoose(option)` gets the chosen one. With `many` the list stays open and `onClose()` comes at the end.
 */
export function openMenu({ anchor, label, groups, onChoose, onClose = () => {}, many = false, filter = false, role = "listbox" }) {
  if (open?.anchor === anchor) { closeMenu(); return; }
  closeMenu(false);
  const id = `menu-${++serial}`;
  const box = h("div", { class: "menu", id });
  const list = h("div", { class: "menu-list", role, "aria-label": label, "aria-multiselectable": many ? "true" : null, tabindex: "-1", id: `${id}-list` });
  const search = filter ? h("input", { class: "menu-filter", type: "text", placeholder: "Filter", "aria-label": `Filter ${label}`, autocomplete: "off" }) : null;
  append(box, [search, list]);
  open = { anchor, box, list, search, groups, onChoose, onClose, many, role, at: -1, rows: [] };
  (anchor.closest("dialog") ?? document.body).append(box);
  anchor.setAttribute("aria-expanded", "true");
  draw();
  place();
  listen(open);
  const chosen = open.rows.findIndex((row) => row.option.chosen);
  point(chosen >= 0 ? chosen : 0);
  (search ?? list).focus({ preventScroll: true });
}

function listen({ box, search }) {
  box.addEventListener("keydown", keys);
  search?.addEventListener("input", () => { draw(); point(0); });
  box.addEventListener("focusout", (event) => {
    if (open?.box === box && event.relatedTarget && !box.contains(event.relatedTarget) && event.relatedTarget !== open.anchor) closeMenu(false);
  });
}

function draw() {
  const wanted = clean(open.search?.value ?? "").trim().toLowerCase();
  open.rows = [];
  const children = open.groups.flatMap((group) => {
    const options = group.options.filter((option) => !wanted || clean(option.label).toLowerCase().includes(wanted));
    const rows = options.map(drawRow);
    return rows.length && group.label ? [h("div", { class: "menu-group", role: "presentation" }, group.label), ...rows] : rows;
  });
  open.list.replaceChildren(...(children.length ? children : [h("div", { class: "menu-none" }, "No matches")]));
}

function drawRow(option) {
  const row = h("div", {
    class: `menu-row${option.danger ? " danger" : ""}`, role: open.role === "menu" ? "menuitem" : "option", id: `${open.box.id}-${open.rows.length}`,
    "aria-selected": open.role === "listbox" ? String(Boolean(option.chosen)) : null, "aria-disabled": option.disabled ? "true" : null,
  }, h("span", { class: "menu-tick" }, option.chosen ? icon("check") : null), option.node ?? null,
  h("span", { class: "menu-words" }, h("span", { class: "menu-label" }, option.label), option.description ? h("span", { class: "menu-description" }, option.description) : null));
  const index = open.rows.length;
  row.addEventListener("pointermove", () => point(index, false));
  row.addEventListener("click", () => choose(index));
  open.rows.push({ row, option });
  return row;
}

function point(index, scroll = true) {
  if (!open.rows.length) return;
  open.at = (index + open.rows.length) % open.rows.length;
  open.rows.forEach(({ row }, i) => row.classList.toggle("at", i === open.at));
  const { row } = open.rows[open.at];
  (open.search ?? open.list).setAttribute("aria-activedescendant", row.id);
  if (scroll) row.scrollIntoView({ block: "nearest" });
}

function choose(index) {
  const chosen = open.rows[index]?.option;
  if (!chosen || chosen.disabled) return;
  const { many, onChoose } = open;
  if (!many) { closeMenu(); onChoose(chosen); return; }
  chosen.chosen = !chosen.chosen;
  onChoose(chosen);
  draw();
  point(index);
}

const MOVES = { ArrowDown: () => point(open.at + 1), ArrowUp: () => point(open.at - 1), Home: () => point(0), End: () => point(open.rows.length - 1) };

function keys(event) {
  if (!open) return;
  if (Object.hasOwn(MOVES, event.key) && !(open.search && ["Home", "End"].includes(event.key))) { event.preventDefault(); MOVES[event.key](); return; }
  if (event.key === "Enter" || (event.key === " " && !open.search)) { event.preventDefault(); choose(open.at); return; }
  if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); closeMenu(); return; }
  if (event.key === "Tab") { closeMenu(); return; }
  if (!open.search && event.key.length === 1) typed(event.key);
}

function typed(letter) {
  const starts = (row) => clean(row.option.label).toLowerCase().startsWith(letter.toLowerCase());
  const after = open.rows.findIndex((row, i) => i > open.at && starts(row));
  const found = after >= 0 ? after : open.rows.findIndex(starts);
  if (found >= 0) point(found);
}

export function closeMenu(focus = true) {
  if (!open) return;
  const { anchor, box, onClose } = open;
  open = null;
  box.remove();
  anchor.setAttribute("aria-expanded", "false");
  if (focus) anchor.focus({ preventScroll: true });
  onClose();
}

function place() {
  const at = open.anchor.getBoundingClientRect();
  const style = open.box.style;
  style.minWidth = `${Math.min(Math.max(at.width, 180), innerWidth - 16)}px`;
  const size = open.box.getBoundingClientRect();
  const below = innerHeight - at.bottom - 12;
  const upward = size.height > below && at.top > below;
  const room = Math.max(upward ? at.top - 12 : below, 80);
  style.maxHeight = `${Math.min(room, 360)}px`;
  style.top = upward ? `${Math.max(at.top - Math.min(size.height, room, 360) - 4, 8)}px` : `${at.bottom + 4}px`;
  style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
}

/** After a redraw: an open list moves to the element that replaced its anchor, or closes when that is gone. */
export function followMenu() {
  if (!open) return;
  if (!open.anchor.isConnected) {
    const heir = open.anchor.dataset.k && document.querySelector(`[data-k="${CSS.escape(open.anchor.dataset.k)}"]`);
    if (!heir) { closeMenu(false); return; }
    open.anchor = heir;
    heir.setAttribute("aria-expanded", "true");
  }
  place();
}

addEventListener("pointerdown", (event) => {
  if (open && !open.box.contains(event.target) && !open.anchor.contains(event.target)) closeMenu(false);
});
addEventListener("resize", followMenu);
addEventListener("scroll", (event) => { if (open && !open.box.contains(event.target)) followMenu(); }, true);
