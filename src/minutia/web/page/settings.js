// The settings: choices, and what is chosen.

import { $, make } from "./dom.js";
import { askFor } from "./server.js";

const KINDS = [
  { label: "Photograph", models: { 2: "minutia-x2-photo", 4: "minutia-x4-photo" } },
  { label: "Clean picture", models: { 4: "minutia-x4" } },
  { label: "Evidence or measurement", models: { 2: "minutia-x2-fidelity", 4: "minutia-x4-fidelity" } },
  { label: "Other model \u2026", models: null },
];
const SCALES = [2, 3, 4, 8];
const KEPT = "settings";

const form = $("settings");
let models = null;
let last = null; // The name of the model that was chosen, by whatever way.

function choices(place, name, options, chosen) {
  place.replaceChildren(...options.map(({ value, label }) => {
    const around = make("label");
    around.append(make("input", { type: "radio", name, value, defaultChecked: value === chosen }), label);
    return around;
  }));
}

function readChoice() {
  const data = new FormData(form);
  const scale = Number(data.get("scale"));
  const offered = KINDS[Number(data.get("kind"))].models;
  const sides = Object.keys(offered ?? {}).map(Number);
  const name = offered ? offered[sides.find((side) => side >= scale) ?? sides.at(-1)] : data.get("model");
  return { data, scale, isFree: !offered, model: models[name] };
}

function fit() {
  if (readChoice().isFree && $("names").hidden) $("names").value = last;
  const { isFree, model } = readChoice();
  last = model.name;
  $("names").hidden = !isFree;
  $("about").textContent = model.summary;
  $("strength-dial").hidden = !model.has_strength;
  $("denoise-dial").hidden = !model.has_denoise;
  for (const output of form.querySelectorAll("output")) output.textContent = output.previousElementSibling.value;
}

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
    for (const [name, value] of Object.entries(kept)) if (form.elements[name]) form.elements[name].value = value;
    form.elements.strip.checked = "strip" in kept;
    if (!readChoice().model) form.reset();
  } catch {
    form.reset(); // Of another version of this page.
  }
}

export function readSettings(name) {
  const { data, scale, model } = readChoice();
  const settings = new URLSearchParams({ name, model: model.name, scale });
  if (data.get("format")) settings.set("format", data.get("format"));
  if (data.get("strip")) settings.set("strip", "true");
  if (model.has_strength) settings.set("strength", data.get("strength"));
  if (model.has_denoise) settings.set("denoise", data.get("denoise"));
  return settings;
}

export async function offerSettings() {
  const offered = await askFor("models");
  models = Object.fromEntries(offered.map((model) => [model.name, model]));
  last = offered.find((model) => model.is_default).name;
  $("names").replaceChildren(...Object.keys(models).map((name) => new Option(name, name)));
  choices($("kinds"), "kind", KINDS.map(({ label }, value) => ({ value, label })), 0);
  choices($("scales"), "scale", SCALES.map((value) => ({ value, label: `\u00d7${value}` })), 4);
  restore();
  $("names").hidden = !readChoice().isFree;
  fit();
  form.addEventListener("input", () => {
    fit();
    localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(new FormData(form))));
  });
}
