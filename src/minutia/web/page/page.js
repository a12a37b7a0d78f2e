// The page of `minutia serve`: files come by a click, by drag and drop, or by paste.

import { $, complain } from "./dom.js";
import { take } from "./entries.js";
import { offerSettings } from "./settings.js";

const HELD = /\.(tiff?|hei[cf]|jp2|psd|qoi|tga|webp|avif)$/i; // Pictures of which not every browser knows that they are.

let isReady = false;
const early = []; // Files that came before the settings were known.

function receive(files) {
  complain("");
  if (isReady) take(files);
  else early.push(...files);
}

async function* picturesIn(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    if (file.type.startsWith("image/") || HELD.test(file.name)) yield file;
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) yield* picturesIn(each);
  }
}

async function receiveDropped(transfer) {
  const dropped = [...transfer.items].map((item) => {
    const entry = item.webkitGetAsEntry();
    return entry?.isDirectory ? entry : item.getAsFile(); // Some browsers have no entry of a file that is in memory.
  }).filter(Boolean);
  const files = [];
  try {
    for (const each of dropped) {
      if (each instanceof File) files.push(each);
      else for await (const file of picturesIn(each)) files.push(file);
    }
  } catch (error) {
    return complain(`The dropped files cannot be read: ${error.message}`);
  }
  receive(files);
  if (!files.length) complain("No pictures among the dropped files.");
}

$("files").addEventListener("change", () => {
  receive($("files").files);
  $("files").value = "";
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
addEventListener("dragleave", () => $("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  receiveDropped(event.dataTransfer);
});
addEventListener("paste", (event) => receive(event.clipboardData.files));

if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) $("where").textContent = location.hostname;
try {
  await offerSettings();
  isReady = true;
  take(early);
} catch (error) {
  $("settings").hidden = $("drop").hidden = true;
  complain(`${error.message} Reload the page to try again.`);
}
