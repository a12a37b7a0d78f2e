// Pictures, one in a line. They are sent one after the other, in the order in which they came.

import { $, make, pause } from "./dom.js";
import { ask, askFor, forget } from "./server.js";
import { hide, show, shown } from "./view.js";
import { readSettings } from "./settings.js";

const PULSE = 0.4; // Seconds between two questions.
const PATIENCE = 60; // Seconds for which a server that does not answer is asked again.
const BETWEEN = 0.3; // Seconds between two files that are saved; browsers drop what comes at once.

const entries = new Set();
const inMegabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

class Entry {
  static turn = Promise.resolve();

  isEnded = false;
  isSaved = false;
  stop = new AbortController();

  constructor(file) {
    const name = file.name || "pasted.png";
    const button = (text, click) => {
      const made = make("button", { type: "button", textContent: text, ariaLabel: `${text} ${name}` });
      made.addEventListener("click", click);
      return made;
    };
    this.file = file;
    this.settings = readSettings(name);
    this.small = URL.createObjectURL(file);
    this.line = make("li");
    this.name = make("span", { className: "name", textContent: name });
    this.facts = make("span", { className: "facts", textContent: "waiting to upload" });
    this.bar = make("progress", { ariaLabel: name });
    this.shower = Object.assign(button("Show", () => this.show()), { hidden: true });
    this.saver = make("a", { className: "button", textContent: "Save", ariaLabel: `Save ${name}`, hidden: true });
    this.saver.addEventListener("click", () => { this.isSaved = true; });
    this.again = Object.assign(button("Redo", () => take([file])), { hidden: true, title: "Process again with the current settings" });
    this.closer = button("Stop", () => this.remove());
    const tools = make("span", { className: "tools" });
    tools.append(this.shower, this.saver, this.again, this.closer);
    const thumb = make("img", { alt: "", decoding: "async" });
    thumb.addEventListener("error", () => thumb.classList.add("unseen"));
    thumb.src = this.small;
    this.line.append(thumb, this.name, this.facts, tools, this.bar);
    $("pictures").prepend(this.line);
  }

  async make() {
    try {
      this.id = (await (Entry.turn = Entry.turn.catch(() => {}).then(() => this.send()))).id;
      const job = await this.watch();
      const large = await (await ask(`jobs/${job.id}/picture`, { signal: this.stop.signal })).blob();
      this.stop.signal.throwIfAborted();
      this.job = job;
      this.large = URL.createObjectURL(large);
      Object.assign(this.saver, { href: this.large, download: job.name, hidden: false });
      this.name.textContent = job.name;
      this.shower.hidden = false;
      const words = `${job.before.join(" x ")} \u2192 ${job.after.join(" x ")} pixels, ${job.seconds.toFixed(1)} s, ${job.model}`;
      this.finish("done", [words, ...job.warnings].join(". "));
      if (!shown) this.show();
    } catch (error) {
      if (!this.stop.signal.aborted) this.finish("failed", error.message);
    } finally {
      if (this.id) forget(this.id);
      this.id = null;
    }
  }

  async send() {
    const { signal } = this.stop;
    for (let status = await askFor("status", { signal }); ; status = await askFor("status", { signal })) {
      if (this.file.size > status.max_bytes) {
        throw new Error(`The file has ${inMegabytes(this.file.size)}; the limit is ${inMegabytes(status.max_bytes)}.`);
      }
      if (status.num_waiting < status.max_waiting) {
        this.facts.textContent = "uploading";
        try {
          return await askFor(`jobs?${this.settings}`, { method: "POST", body: this.file, signal });
        } catch (error) {
          if (error.answer?.status !== 429) throw error; // Somebody else was faster.
        }
      }
      this.facts.textContent = "waiting for a place in the queue";
      await pause(10 * PULSE);
    }
  }

  async watch() {
    let heard = Date.now();
    for (;;) {
      this.stop.signal.throwIfAborted();
      try {
        const job = await askFor(`jobs/${this.id}`);
        heard = Date.now();
        if (job.state === "done") return job;
        if (job.state === "failed") throw Object.assign(new Error(job.error), { isFinal: true });
        this.tell(job);
      } catch (error) {
        if (error.answer?.status === 404) throw new Error("The server no longer has this picture; it was restarted.");
        if (error.isFinal || error.answer || Date.now() - heard > 1000 * PATIENCE) throw error;
        this.facts.textContent = "the server does not answer; retrying";
      }
      await pause(PULSE);
    }
  }

  tell(job) {
    if (job.state === "waiting") {
      this.facts.textContent = `queued; ${job.queue_position} ahead`;
    } else if (job.progress > 0) {
      this.facts.textContent = `${Math.round(100 * job.progress)} %`;
      this.bar.value = job.progress;
    } else {
      this.facts.textContent = "processing";
    }
  }

  finish(state, words) {
    this.isEnded = true;
    this.line.classList.add(state);
    this.facts.textContent = words;
    this.bar.remove();
    this.again.hidden = false;
    this.closer.textContent = "Remove";
    this.closer.ariaLabel = `Remove ${this.name.textContent}`;
    $("news").textContent = `${this.name.textContent}: ${words}`;
    tellAll();
  }

  async show() {
    await show(this);
    $("view").scrollIntoView({ block: "nearest" });
  }

  remove() {
    this.stop.abort();
    if (this.id) forget(this.id);
    this.id = null;
    const next = this.line.nextElementSibling ?? this.line.previousElementSibling;
    if (this.line.contains(document.activeElement)) (next?.querySelector(".tools button:last-child") ?? $("files")).focus();
    this.line.remove();
    for (const url of [this.large, this.small]) if (url) URL.revokeObjectURL(url);
    if (shown === this) hide();
    entries.delete(this);
    tellAll();
  }
}

export function take(files) {
  for (const file of files) {
    const entry = new Entry(file);
    entries.add(entry);
    entry.make();
    entry.line.scrollIntoView({ block: "nearest" });
  }
  tellAll();
}

function tellAll() {
  const left = [...entries].filter((entry) => !entry.isEnded).length;
  document.title = left ? `${left} left \u00b7 Minutia` : "Minutia";
  $("all").hidden = entries.size < 2;
}

$("save-all").addEventListener("click", async () => {
  for (const entry of [...entries].filter((each) => each.large)) {
    entry.saver.click();
    await pause(BETWEEN);
  }
});
$("remove-all").addEventListener("click", () => {
  for (const entry of [...entries]) entry.remove();
});
addEventListener("beforeunload", (event) => {
  if ([...entries].some((entry) => !entry.isEnded || (entry.large && !entry.isSaved))) event.preventDefault();
});
addEventListener("pagehide", (event) => {
  if (event.persisted) return;
  for (const entry of entries) if (entry.id) forget(entry.id);
});
