// Questions to the server.

import { $ } from "./dom.js";

let token = sessionStorage.getItem("token") ?? "";
let asking = null;

export async function ask(path, options = {}) {
  const sent = token;
  const headers = sent ? { Authorization: `Bearer ${sent}` } : {};
  const answer = await fetch(`api/${path}`, { ...options, headers }).catch((error) => {
    throw error instanceof TypeError ? new Error("The server does not answer.") : error;
  });
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

export const askFor = async (path, options) => (await ask(path, options)).json();

export const forget = (id) => ask(`jobs/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});

async function askForToken() {
  if (token) $("why").textContent = "Wrong token. Enter the token of this server";
  for (;;) {
    $("ask").returnValue = "";
    $("token").value = "";
    $("ask").showModal();
    await new Promise((resolve) => $("ask").addEventListener("close", resolve, { once: true }));
    if ($("ask").returnValue !== "given") throw new Error("This server requires a token.");
    if (/^[!-~]+$/.test($("token").value)) break;
    $("why").textContent = "A token may contain ASCII letters, digits and punctuation only. Enter the token of this server";
  }
  token = $("token").value;
}
