// The App Home tab: what the app published for this person.
import { drawBlocks, trouble } from "./blocks.js";
import { surfaceOf } from "./act.js";
import { h, reconcile } from "./dom.js";
import { me, store, tell } from "./store.js";
import { worldSignature } from "./messages.js";

let opened = "";

/** Tells the app that its home was opened, once per visit. */
export function openHome() {
  const visit = store.route.place === "app" ? me() : "";
  if (visit && visit !== opened) tell("home", {}, "home");
  opened = visit;
}

export function drawHome(list) {
  const { home, app } = store.state;
  const blocks = home?.blocks ?? [];
  const place = surfaceOf.home(home?.id ?? "home");
  reconcile(list, [
    blocks.length
      ? { key: "home", signature: JSON.stringify([blocks, home.id, worldSignature()]), build: () => h("div", { class: "blocks home-blocks" }, drawBlocks(blocks, place)) }
      : { key: "empty", signature: app.name, build: () => h("div", { class: "lost" }, h("h2", {}, "Nothing published yet"), h("p", {}, `${app.name} has not drawn its home for you. It does so when the tab is opened and the app is connected.`)) },
    { key: "trouble", signature: store.troubles.get("home") ?? "", build: () => trouble("home") ?? h("span") },
  ]);
}
