// Where the reader is, kept in the address: #/C123, #/C123/1712.34 with a thread, #/app for the App Home.
import { store, changed } from "./store.js";

export function readRoute() {
  const [place = "", thread = ""] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  store.route = { place, thread };
}

export function visit(place, thread = "") {
  const hash = `#/${encodeURIComponent(place)}${thread ? `/${encodeURIComponent(thread)}` : ""}`;
  document.body.classList.remove("drawer-open");
  if (location.hash === hash) { changed(); return; }
  location.hash = hash;
}
