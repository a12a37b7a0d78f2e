// What all parts of the page use.

export const $ = (id) => document.getElementById(id);

export const make = (kind, properties) => Object.assign(document.createElement(kind), properties);

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

export function complain(words) {
  $("trouble").textContent = words;
  $("trouble").hidden = !words;
}
