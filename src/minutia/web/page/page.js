// The page of `minutia serve`: sends pictures to /api/jobs, asks how they are, and shows what became of them.

const $ = (id) => document.getElementById(id);
const form = $("wishes");
const PULSE = 400; // Milliseconds between two questions.

const KINDS = [
  { label: "a photograph", models: { 2: "minutia-x2-photo", 4: "minutia-x4-photo" } },
  { label: "a clean picture", models: { 4: "minutia-x4" } },
  { label: "evidence, a measurement", models: { 2: "minutia-x2-fidelity", 4: "minutia-x4-fidelity" } },
  { label: "for another model", models: null },
];
let models = {};
let token = sessionStorage.getItem("token") ?? "";
let shown = null;

async function ask(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(`api/${path}`, { ...options, headers });
  if (answer.status === 401) {
    await askForToken();
    return ask(path, options);
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({ detail: answer.statusText }));
    throw Object.assign(new Error(told.detail), { status: answer.status });
  }
  return answer;
}

let asking = null;
function askForToken() {
  asking ??= new Promise((resolve) => {
    $("ask").showModal();
    $("ask").addEventListener("close", () => {
      token = $("token").value;
      sessionStorage.setItem("token", token);
      asking = null;
      resolve();
    }, { once: true });
  });
  return asking;
}

// What may be wished for.

function choices(place, name, options, chosen) {
  place.replaceChildren(...options.map(({ value, label }) => {
    const input = Object.assign(document.createElement("input"), { type: "radio", name, value, checked: value === chosen });
    const around = document.createElement("label");
    around.append(input, label);
    return around;
  }));
}

function readChoice() {
  const data = new FormData(form);
  const scale = Number(data.get("scale") ?? 4);
  const offered = KINDS[Number(data.get("kind"))].models;
  const sides = Object.keys(offered ?? {}).map(Number);
  const name = offered ? offered[sides.find((side) => side >= scale) ?? sides.at(-1)] : data.get("model");
  return { data, scale, model: models[name] };
}

function fitWishes() {
  const { data, scale } = readChoice();
  $("names").hidden = KINDS[Number(data.get("kind"))].models !== null;
  choices($("scales"), "scale", [2, 3, 4, 8].map((value) => ({ value, label: `\u00d7${value}` })), scale);
  const { model } = readChoice();
  $("about").textContent = model.summary;
  $("strength-dial").hidden = !model.has_strength;
  $("denoise-dial").hidden = !model.has_denoise;
}

function readWishes(name) {
  const { data, scale, model } = readChoice();
  const wishes = new URLSearchParams({ name, model: model.name, scale });
  if (data.get("format")) wishes.set("format", data.get("format"));
  if (data.get("strip")) wishes.set("strip", "true");
  if (model.has_strength) wishes.set("strength", data.get("strength"));
  if (model.has_denoise) wishes.set("denoise", data.get("denoise"));
  return wishes;
}

// Pictures, one in a line.

class Entry {
  constructor(file) {
    this.file = file;
    this.wishes = readWishes(file.name || "pasted.png");
    this.line = document.createElement("li");
    this.name = Object.assign(document.createElement("span"), { className: "name", textContent: file.name || "pasted.png" });
    this.show = Object.assign(document.createElement("button"), { type: "button", textContent: "Show", hidden: true });
    this.close = Object.assign(document.createElement("button"), { type: "button", textContent: "Stop" });
    this.facts = Object.assign(document.createElement("span"), { className: "facts", textContent: "is sent" });
    this.bar = document.createElement("progress");
    this.line.append(this.name, this.show, this.close, this.facts, this.bar);
    this.show.addEventListener("click", () => show(this));
    this.close.addEventListener("click", () => this.forget());
    $("pictures").prepend(this.line);
  }

  async make() {
    try {
      let job = await this.send();
      this.id = job.id;
      while (job.state === "waiting" || job.state === "working") {
        if (this.gone) return;
        this.tell(job);
        await pause(PULSE);
        job = await (await ask(`jobs/${job.id}`)).json();
      }
      if (job.error) throw new Error(job.error);
      const answer = await ask(`jobs/${job.id}/picture`);
      this.large = URL.createObjectURL(await answer.blob());
      this.small = URL.createObjectURL(this.file);
      this.job = job;
      this.finish("done", `${job.before.join(" x ")} -> ${job.after.join(" x ")} pixels, ${job.seconds.toFixed(1)} s, ${job.model}`);
      this.name.textContent = job.name;
      this.show.hidden = false;
      if (!shown) show(this);
    } catch (error) {
      if (!this.gone) this.finish("failed", error.message);
    } finally {
      if (this.id && !this.gone) ask(`jobs/${this.id}`, { method: "DELETE" }).catch(() => {});
    }
  }

  async send() {
    for (;;) {
      try {
        return await (await ask(`jobs?${this.wishes}`, { method: "POST", body: this.file })).json();
      } catch (error) {
        if (error.status !== 429 || this.gone) throw error;
        this.facts.textContent = "waits until others are made";
        await pause(10 * PULSE);
      }
    }
  }

  tell(job) {
    if (job.state === "waiting") {
      this.facts.textContent = `waits; ${job.num_before} before it`;
    } else {
      this.facts.textContent = `${Math.round(100 * job.progress)} %`;
      this.bar.value = job.progress;
    }
  }

  finish(state, words) {
    this.line.classList.add(state);
    this.facts.textContent = words;
    this.bar.remove();
    this.close.textContent = "Remove";
  }

  forget() {
    this.gone = true;
    this.line.remove();
    if (this.id && !this.large) ask(`jobs/${this.id}`, { method: "DELETE" }).catch(() => {});
    for (const url of [this.large, this.small]) if (url) URL.revokeObjectURL(url);
    if (shown === this) {
      shown = null;
      $("view").hidden = true;
    }
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function take(files) {
  for (const file of files) new Entry(file).make();
}

// Before and after.

function show(entry) {
  shown?.line.classList.remove("shown");
  shown = entry;
  entry.line.classList.add("shown");
  $("sheet").style.setProperty("--width", `${entry.job.after[0] / devicePixelRatio}px`);
  $("after").src = entry.large;
  $("before").src = entry.small;
  Object.assign($("save"), { href: entry.large, download: entry.job.name });
  $("view").hidden = false;
}

function split() {
  $("sheet").style.setProperty("--split", `${$("split").value}%`);
}

function drag(event) {
  if (!(event.buttons & 1)) return;
  const box = $("sheet").getBoundingClientRect();
  $("split").value = (100 * (event.clientX - box.left)) / box.width;
  split();
}

$("split").addEventListener("input", split);
$("sheet").addEventListener("pointerdown", drag);
$("sheet").addEventListener("pointermove", drag);
$("zoom").addEventListener("click", () => {
  $("zoom").setAttribute("aria-pressed", $("stage").classList.toggle("actual"));
});
split();
for (const [id, words] of [["after", "This browser does not show such pictures; save it."], ["before", ""]]) {
  $(id).addEventListener("error", () => {
    $(id).hidden = true;
    if (words && shown) shown.facts.textContent += `. ${words}`;
  });
  $(id).addEventListener("load", () => { $(id).hidden = false; });
}

// Files come by a click, by drag and drop, or by paste.

$("files").addEventListener("change", () => {
  take($("files").files);
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
  take(event.dataTransfer.files);
});
addEventListener("paste", (event) => take(event.clipboardData.files));
form.addEventListener("input", (event) => {
  const output = event.target.parentElement.querySelector("output");
  if (output) output.textContent = event.target.value;
  else fitWishes();
});

if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) $("where").textContent = location.hostname;
models = Object.fromEntries((await (await ask("models")).json()).map((model) => [model.name, model]));
$("names").replaceChildren(...Object.keys(models).map((name) => new Option(name, name)));
choices($("kinds"), "kind", KINDS.map(({ label }, value) => ({ value, label })), 0);
fitWishes();
