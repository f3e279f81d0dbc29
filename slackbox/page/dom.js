// Builds the page node by node. Nothing from outside is ever read as markup: text becomes text nodes, addresses pass a gate.

const SVG = "http://www.w3.org/2000/svg";
const LINKS = new Set(["http:", "https:", "mailto:"]);
// Overrides and embeddings can make a name or an address read as another one; plain right-to-left letters are untouched.
const TRICKS = /[\u202A-\u202E\u2066-\u2069\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/g;

export const clean = (text) => String(text ?? "").replace(TRICKS, "");

/** The address if a link may go there, else null. */
export function safeHref(address) {
  const text = clean(address).trim();
  if (text.startsWith("#")) return text;
  try {
    const url = new URL(text);
    return LINKS.has(url.protocol) ? url.href : null;
  } catch {
    return text.startsWith("/") && !text.startsWith("//") ? text : null;
  }
}

/** The address if it is a picture of our own origin, else null. */
export function safeSrc(address) {
  try {
    const url = new URL(clean(address), location.origin);
    return url.origin === location.origin && url.protocol.startsWith("http") ? url.href : null;
  } catch {
    return null;
  }
}

const GATES = { href: safeHref, src: safeSrc };

function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (/^on|^style$|^srcdoc$|^innerhtml$/i.test(name)) throw new Error(`attribute '${name}' is not allowed; use on: {} or the CSSOM`);
  const gate = Object.hasOwn(GATES, name) ? GATES[name] : clean;
  const safe = value === true ? "" : gate(value);
  if (safe !== null) node.setAttribute(name, safe);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else if (name === "data") for (const [key, item] of Object.entries(value)) { if (item != null) node.dataset[key] = clean(item); }
    else if (name === "value") node.value = clean(value);
    else setAttribute(node, name, value);
  }
  append(node, children);
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(clean(child)));
  }
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const ICONS = {
  hash: "M7.5 3 6 17M14 3l-1.500 14M3.500 7.500h14M2.500 12.500h14",
  lock: "M5 9h10v8H5zM7 9V6.500a3 3 0 0 1 6 0V9",
  down: "M5 8l5 5 5-5",
  up: "M5 12l5-5 5 5",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  close: "M5 5l10 10M15 5 5 15",
  menu: "M3 5.500h14M3 10h14M3 14.500h14",
  dots: "M4 10h.01M10 10h.01M16 10h.01",
  send: "M3 10 17 3.500 13 17l-3.500-5.500zM9.500 11.500 17 3.500",
  eye: "M2 10s3-5.500 8-5.500S18 10 18 10s-3 5.500-8 5.500S2 10 2 10zM10 7.700a2.300 2.300 0 1 1 0 4.600 2.300 2.300 0 0 1 0-4.600",
  thread: "M3 4h14v9.500H9l-4 3.500v-3.500H3z",
  check: "M4 10.500l4 4 8-9",
  info: "M10 2.500a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15M10 9v5M10 6.200h.01",
  warning: "M10 3 18 16.500H2zM10 8v4.200M10 14.400h.01",
  people: "M7.500 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 17c0-3 2.200-5 5.500-5s5.500 2 5.500 5M13 4.300a3 3 0 0 1 0 5.500M15 12.300c2 .6 3 2.300 3 4.700",
  file: "M5 2.500h7l3.500 3.500v11.500H5zM12 2.500V6h3.500",
  thumbs_up: "M6 9v8H3V9zM6 9l3.500-6.500c1.500 0 2.200 1 1.800 2.700L10.800 8H16c1 0 1.600.8 1.400 1.800l-1.200 5.700c-.2.900-.9 1.500-1.800 1.500H6",
  thumbs_down: "M14 11V3h3v8zM14 11l-3.500 6.500c-1.500 0-2.200-1-1.800-2.700L9.200 12H4c-1 0-1.600-.8-1.400-1.800l1.200-5.700C4 3.600 4.700 3 5.600 3H14",
  trash: "M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500 6.300 17h7.400l.8-11.500",
  play: "M7 4.500v11l9-5.500z",
  dot: "M10 10h.01",
  sort: "M6.500 8 10 4.500 13.500 8M6.500 12l3.500 3.500 3.500-3.500",
};

export function icon(name, className = "") {
  const path = ICONS[name] ?? ICONS.dot;
  return svg("svg", { viewBox: "0 0 20 20", class: `icon icon-${name} ${className}`, "aria-hidden": "true", focusable: "false" }, svg("path", { d: path }));
}

/** Keeps every child whose key and signature are the same, so that focus, menus and scroll survive an update. */
export function reconcile(parent, items) {
  const focused = document.activeElement?.closest?.("[data-k]");
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const wanted = new Set(items.map((item) => item.key));
  for (const [key, node] of old) if (!wanted.has(key)) node.remove();
  let place = parent.firstElementChild;
  for (const item of items) {
    const before = old.get(item.key);
    const node = before?.signature === item.signature ? before : built(item);
    if (before && before !== node) {
      before.replaceWith(node);
      if (place === before) place = node;
    }
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  if (focused && !focused.isConnected) refocus(focused);
}

function built(item) {
  const node = item.build();
  node.dataset.key = item.key;
  node.signature = item.signature;
  return node;
}

/** Gives the keyboard back to the element that took the place of `lost`. */
export function refocus(lost) {
  const heir = document.querySelector(`[data-k="${CSS.escape(lost.dataset.k)}"]`);
  if (!heir) return;
  heir.focus({ preventScroll: true });
  if ("selectionStart" in lost && heir.setSelectionRange && lost.selectionStart !== null) {
    try { heir.setSelectionRange(lost.selectionStart, lost.selectionEnd); } catch { /* number and date fields have no selection */ }
  }
}

export const announce = (text) => { document.getElementById("live").textContent = clean(text); };
