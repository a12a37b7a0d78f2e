// Before and after.

import { $ } from "./dom.js";

export let shown = null;

// Ends when the picture has its place.
export async function show(entry) {
  shown?.line.classList.remove("shown");
  shown = entry;
  entry.line.classList.add("shown");
  $("after").src = entry.large;
  $("before").src = entry.small;
  Object.assign($("save"), { href: entry.large, download: entry.job.name, onclick: () => { entry.isSaved = true; } });
  $("unseen").hidden = true;
  $("view").hidden = false;
  fit();
  await $("after").decode().catch(() => {});
}

export function hide() {
  shown = null;
  $("view").hidden = true;
}

// A pixel of the picture is one of the screen's, whatever the zoom of the browser.
function fit() {
  if (shown) $("sheet").style.setProperty("--width", `${shown.job.after[0] / devicePixelRatio}px`);
}

function split() {
  const before = Number($("split").value);
  $("sheet").style.setProperty("--split", `${before}%`);
  $("split").ariaValueText = `${Math.round(before)} % before`;
  $("was").hidden = before < 12;
  $("is").hidden = before > 88;
}

function drag(event) {
  const isPanned = event.pointerType === "touch" && $("stage").classList.contains("actual");
  if (isPanned || !(event.buttons & 1)) return;
  if (event.type === "pointerdown") $("sheet").setPointerCapture(event.pointerId);
  const box = $("sheet").getBoundingClientRect();
  $("split").value = (100 * (event.clientX - box.left)) / box.width;
  split();
}

$("split").addEventListener("input", split);
$("sheet").addEventListener("pointerdown", drag);
$("sheet").addEventListener("pointermove", drag);
$("sheet").addEventListener("dragstart", (event) => event.preventDefault()); // Of what is selected on the page.
addEventListener("resize", fit);
$("zoom").addEventListener("click", () => {
  const stage = $("stage");
  $("zoom").ariaPressed = String(stage.classList.toggle("actual"));
  stage.scrollTo((stage.scrollWidth - stage.clientWidth) / 2, (stage.scrollHeight - stage.clientHeight) / 2);
});
for (const id of ["before", "after"]) {
  $(id).addEventListener("load", () => { $(id).hidden = false; });
  $(id).addEventListener("error", () => {
    $(id).hidden = true;
    if (id === "after") $("unseen").hidden = false;
  });
}
split();
