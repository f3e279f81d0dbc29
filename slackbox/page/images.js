// Pictures: only those of our own origin are loaded; others are named, not fetched.
import { h, icon, safeSrc } from "./dom.js";
import { textObject } from "./mrkdwn.js";
import { store } from "./store.js";

function sourceOf(element) {
  if (element.slack_file) {
    const known = store.state.images?.[element.slack_file.id] ?? Object.values(store.state.images ?? {}).find((one) => one.url === element.slack_file.url);
    return known ? safeSrc(known.url) : null;
  }
  return safeSrc(element.image_url);
}

export function image(element, className) {
  const src = sourceOf(element);
  const alt = element.alt_text ?? "";
  if (!src) return h("span", { class: `no-image ${className}`, role: "img", "aria-label": alt || "image", title: "Pictures from other places are not loaded here" }, icon("file"), alt || "image");
  return h("img", { src, alt, class: className, loading: "lazy", decoding: "async" });
}

export function imageBlock(block) {
  const src = sourceOf(block);
  const picture = image(block, "picture");
  const title = block.title ? h("figcaption", { class: "picture-title" }, textObject(block.title)) : null;
  return h("figure", { class: "picture-block" }, title, src ? h("a", { href: src, target: "_blank", rel: "noopener", class: "picture-link", "aria-label": `Open ${block.alt_text || "image"}` }, picture) : picture);
}

export function file(item) {
  const src = safeSrc(item.url);
  const title = item.title || item.name;
  if (src && item.mimetype?.startsWith("image/")) {
    return h("figure", { class: "picture-block" }, h("figcaption", { class: "picture-title" }, title),
      h("a", { href: src, target: "_blank", rel: "noopener", class: "picture-link", "aria-label": `Open ${title}` }, h("img", { src, alt: item.alt_txt || title, class: "picture", loading: "lazy" })));
  }
  const inner = [h("span", { class: "file-icon" }, icon("file")), h("span", { class: "file-words" }, h("strong", {}, title), h("span", { class: "file-kind" }, item.mimetype || "file"))];
  return src ? h("a", { href: src, download: item.name, class: "file-card" }, inner) : h("div", { class: "file-card" }, inner);
}
