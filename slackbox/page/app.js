// Starts the page and redraws it whenever what it knows has changed.
import { announce, h } from "./dom.js";
import { openHome } from "./home.js";
import { followMenu } from "./menus.js";
import { drawModals } from "./modals.js";
import { drawPane } from "./pane.js";
import { readRoute } from "./routes.js";
import { drawSidebar, drawTopbar } from "./sidebar.js";
import { actAs, changed, channelOf, store, watch } from "./store.js";
import { drawThread } from "./thread.js";

const part = (id) => document.getElementById(id);

function draw() {
  if (!store.state) { drawProblem(); return; }
  part("problem")?.remove();
  settle();
  drawTopbar(part("topbar"));
  drawPane(part("main"));
  drawThread(part("thread"));
  drawSidebar(part("sidebar"));
  drawModals();
  followMenu();
  document.title = `${placeName()} · ${store.state.team.name}`;
}

function drawProblem() {
  if (!store.problem || part("problem")) return;
  document.body.prepend(h("div", { id: "problem", class: "problem", role: "alert" }, h("p", {}, store.problem), h("button", { type: "button", class: "button", on: { click: () => { part("problem").remove(); start(); } } }, "Try again")));
}

const placeName = () => (store.route.place === "app" ? store.state.app.name : channelOf(store.route.place)?.name ?? "slackbox");

/** Nobody asked for a place, or this person may not see it: show the first channel they are in. */
function settle() {
  if (store.route.place === "app" || channelOf(store.route.place)) return;
  const mine = store.state.channels.find((one) => one.kind !== "im" && one.members.includes(store.state.me)) ?? store.state.channels[0];
  store.route = { place: mine?.id ?? "app", thread: "" };
  history.replaceState(null, "", `#/${store.route.place}`);
}

function moved() {
  readRoute();
  if (!store.state) return;
  changed();
  openHome();
  announce(placeName());
}

async function start() {
  readRoute();
  await actAs(new URLSearchParams(location.search).get("user") ?? "");
  if (store.state) openHome();
}

watch(draw);
addEventListener("hashchange", moved);
document.addEventListener("click", (event) => {
  if (document.body.classList.contains("drawer-open") && !event.target.closest("#sidebar, .drawer-button")) document.body.classList.remove("drawer-open");
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !document.body.classList.contains("drawer-open")) return;
  document.body.classList.remove("drawer-open");
  document.querySelector(".drawer-button")?.focus();
});
start();
