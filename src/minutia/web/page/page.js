// The page of `minutia serve`: sends pictures to /api/jobs, asks how they are, and shows what became of them.

const $ = (id) => document.getElementById(id);
const form = $("wishes");
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

const PULSE = 0.4; // Seconds between two questions.
const PATIENCE = 60; // Seconds for which a server that does not answer is asked again.
const KINDS = [
  { label: "a photograph", models: { 2: "minutia-x2-photo", 4: "minutia-x4-photo" } },
  { label: "a clean picture", models: { 4: "minutia-x4" } },
  { label: "evidence, a measurement", models: { 2: "minutia-x2-fidelity", 4: "minutia-x4-fidelity" } },
  { label: "for another model", models: null },
];
const SCALES = [2, 3, 4, 8];

let models = null;
let limits = null;

// Questions to the server.

let token = sessionStorage.getItem("token") ?? "";
let asking = null;

async function ask(path, options = {}) {
  const sent = token;
  const headers = sent ? { Authorization: `Bearer ${sent}` } : {};
  const answer = await fetch(`api/${path}`, { ...options, headers });
  if (answer.status === 401) {
    if (sent === token) await (asking ??= askForToken().finally(() => { asking = null; }));
    return ask(path, options);
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({ detail: answer.statusText }));
    throw Object.assign(new Error(told.detail), { answer });
  }
  if (sent) sessionStorage.setItem("token", sent);
  return answer;
}

async function askForToken() {
  if (token) $("why").textContent = "That was not it. This server asks for its token";
  for (;;) {
    $("ask").returnValue = "";
    $("token").value = "";
    $("ask").showModal();
    await new Promise((resolve) => $("ask").addEventListener("close", resolve, { once: true }));
    if ($("ask").returnValue !== "given") throw new Error("Without its token the server gives no answers.");
    if (/^[!-~]+$/.test($("token").value)) break;
    $("why").textContent = "A token is made of letters, digits and signs of ASCII. This server asks for its token";
  }
  token = $("token").value;
}

const forget = (id) => ask(`jobs/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});

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
  const scale = Number(data.get("scale"));
  const offered = KINDS[Number(data.get("kind"))].models;
  const sides = Object.keys(offered ?? {}).map(Number);
  const name = offered ? offered[sides.find((side) => side >= scale) ?? sides.at(-1)] : data.get("model");
  return { data, scale, model: models[name] };
}

function fitWishes() {
  const { data, model } = readChoice();
  $("names").hidden = KINDS[Number(data.get("kind"))].models !== null;
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

// Pictures, one in a line. They are sent one after the other, in the order in which they came.

class Entry {
  static turn = Promise.resolve();

  constructor(file) {
    const name = file.name || "pasted.png";
    const button = (text) => Object.assign(document.createElement("button"), { type: "button", textContent: text });
    this.file = file;
    this.wishes = readWishes(name);
    this.stop = new AbortController();
    this.line = document.createElement("li");
    this.name = Object.assign(document.createElement("span"), { className: "name", textContent: name });
    this.shower = Object.assign(button("Show"), { hidden: true, ariaLabel: `Show ${name}` });
    this.closer = Object.assign(button("Stop"), { ariaLabel: `Stop ${name}` });
    this.facts = Object.assign(document.createElement("span"), { className: "facts", textContent: "waits to be sent" });
    this.bar = Object.assign(document.createElement("progress"), { ariaLabel: name });
    this.line.append(this.name, this.shower, this.closer, this.facts, this.bar);
    this.shower.addEventListener("click", () => show(this));
    this.closer.addEventListener("click", () => this.remove());
    $("pictures").prepend(this.line);
  }

  async make() {
    try {
      this.id = (await (Entry.turn = Entry.turn.catch(() => {}).then(() => this.send()))).id;
      const job = await this.watch();
      const answer = await ask(`jobs/${job.id}/picture`, { signal: this.stop.signal });
      const large = await answer.blob();
      this.stop.signal.throwIfAborted();
      this.job = job;
      this.large = URL.createObjectURL(large);
      this.small = URL.createObjectURL(this.file);
      const words = `${job.before.join(" x ")} \u2192 ${job.after.join(" x ")} pixels, ${job.seconds.toFixed(1)} s, ${job.model}`;
      this.finish("done", [words, ...job.warnings].join(". "));
      this.name.textContent = job.name;
      this.shower.hidden = false;
      if (!shown) show(this);
    } catch (error) {
      if (!this.stop.signal.aborted) this.finish("failed", error.message);
    } finally {
      if (this.id) forget(this.id);
      this.id = null;
    }
  }

  async send() {
    const signal = this.stop.signal;
    if (this.file.size > limits.max_bytes) throw new Error(`No more than ${limits.max_bytes.toLocaleString()} bytes are taken.`);
    for (;;) {
      signal.throwIfAborted();
      this.facts.textContent = "is sent";
      try {
        return await (await ask(`jobs?${this.wishes}`, { method: "POST", body: this.file, signal })).json();
      } catch (error) {
        if (error.answer?.status !== 429) throw error;
        this.facts.textContent = "waits until others are made";
        await pause(Number(error.answer.headers.get("retry-after")) || 10);
      }
    }
  }

  async watch() {
    let heard = Date.now();
    for (;;) {
      this.stop.signal.throwIfAborted();
      try {
        const job = await (await ask(`jobs/${this.id}`)).json();
        heard = Date.now();
        if (job.state === "done") return job;
        if (job.state === "failed") throw Object.assign(new Error(job.error), { isFinal: true });
        this.tell(job);
      } catch (error) {
        if (error.isFinal || error.answer || Date.now() - heard > 1000 * PATIENCE) throw error;
      }
      await pause(PULSE);
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
    this.closer.textContent = "Remove";
    this.closer.ariaLabel = `Remove ${this.name.textContent}`;
    $("news").textContent = `${this.name.textContent}: ${words}`;
  }

  remove() {
    this.stop.abort();
    if (this.id) forget(this.id);
    this.id = null;
    this.line.remove();
    for (const url of [this.large, this.small]) if (url) URL.revokeObjectURL(url);
    if (shown === this) {
      shown = null;
      $("view").hidden = true;
    }
    entries.delete(this);
  }
}

const entries = new Set();

function take(files) {
  if (!models) return;
  for (const file of files) {
    const entry = new Entry(file);
    entries.add(entry);
    entry.make();
  }
}

addEventListener("pagehide", (event) => {
  if (event.persisted) return;
  for (const entry of entries) if (entry.id) forget(entry.id);
});

// Before and after.

let shown = null;

function show(entry) {
  shown?.line.classList.remove("shown");
  shown = entry;
  entry.line.classList.add("shown");
  $("sheet").style.setProperty("--width", `${entry.job.after[0] / devicePixelRatio}px`);
  $("after").src = entry.large;
  $("before").src = entry.small;
  Object.assign($("save"), { href: entry.large, download: entry.job.name });
  $("unseen").hidden = true;
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
for (const id of ["before", "after"]) {
  $(id).addEventListener("load", () => { $(id).hidden = false; });
  $(id).addEventListener("error", () => {
    $(id).hidden = true;
    if (id === "after") $("unseen").hidden = false;
  });
}
split();

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

// The beginning.

if (!["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) $("where").textContent = location.hostname;
try {
  limits = await (await ask("status")).json();
  models = Object.fromEntries((await (await ask("models")).json()).map((model) => [model.name, model]));
  $("names").replaceChildren(...Object.keys(models).map((name) => new Option(name, name)));
  choices($("kinds"), "kind", KINDS.map(({ label }, value) => ({ value, label })), 0);
  choices($("scales"), "scale", SCALES.map((value) => ({ value, label: `\u00d7${value}` })), 4);
  fitWishes();
} catch (error) {
  $("trouble").textContent = `${error.message} Reload the page to try again.`;
  $("trouble").hidden = false;
}
