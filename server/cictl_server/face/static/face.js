// The script of all pages: live parts, questions as dialogs, keys, times that go on. Without it pages work by links and forms.
// It never computes a state: the server sends the page anew, and what differs is put in place.
// Other modules hear `told` (a message of the stream) and `shown` (the page was put in place anew) on the document.

const PART = { Accept: "text/html", "X-Part": "1" };
const KINDS = ["job", "agent", "project", "reset"];
const EVENTS = "api/v1/events?gather=1000"; // a page is asked for once a second at most

// The event stream, with pauses that grow while nobody answers. `tell` gets {kind, data, number}; `up` and `down` are of the stream itself.
function follow(url, tell) {
  let source = null, timer = 0, pause = 1000;
  const open = () => {
    timer = 0;
    source = new EventSource(url);
    source.onopen = () => { pause = 1000; tell({ kind: "up" }); };
    source.onerror = () => {
      source.close();
      source = null;
      tell({ kind: "down" });
      timer = setTimeout(open, pause * (0.75 + Math.random() / 2));
      pause = Math.min(2 * pause, 30000);
    };
    for (const kind of KINDS) source.addEventListener(kind, (event) => tell({ kind, data: JSON.parse(event.data || "{}"), number: event.lastEventId }));
  };
  return {
    start() { if (!source && !timer) open(); },
    stop() { source?.close(); clearTimeout(timer); source = null; timer = 0; },
  };
}

// This file is also the worker that all tabs of a browser share, so that they have one stream together.
function work() {
  const ports = new Set();
  let last = null;
  const stream = follow(`../../${EVENTS}`, (message) => {
    if (message.kind === "up" || message.kind === "down") last = message;
    for (const port of ports) port.postMessage(message);
  });
  self.onconnect = ({ ports: [port] }) => {
    port.onmessage = ({ data }) => {
      if (data === "hello") { ports.add(port); stream.start(); if (last) port.postMessage(last); }
      else { ports.delete(port); if (!ports.size) { stream.stop(); last = null; } }
    };
  };
}

function connect(tell) {
  if (typeof SharedWorker === "function") {
    const { port } = new SharedWorker(import.meta.url, { type: "module", name: "cictl" });
    port.onmessage = ({ data }) => tell(data);
    port.postMessage("hello");
    addEventListener("pagehide", () => port.postMessage("bye"));
    addEventListener("pageshow", (event) => event.persisted && port.postMessage("hello"));
    return;
  }
  const stream = follow(`${document.body.dataset.root}${EVENTS}`, tell);
  const heed = () => (document.hidden ? stream.stop() : stream.start());
  document.addEventListener("visibilitychange", heed);
  heed();
}

// ---- putting a page in place

const parse = (html) => new DOMParser().parseFromString(html, "text/html").getElementById("main");
const isDirty = (field) =>
  field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked
    : field.options ? [...field.options].some((one) => one.selected !== one.defaultSelected)
      : field.type !== "hidden" && field.defaultValue !== undefined && field.value !== field.defaultValue;
const isBegun = (form) =>
  [...form.elements].some((field) => field.name && (isDirty(field) || (field === document.activeElement && field.tagName !== "BUTTON")));
const isKept = (node) =>
  node.nodeType === 1 && (node.matches("[data-keep], dialog, details.menu[open]") || (node.tagName === "FORM" && isBegun(node)));
const holdsKept = (node) =>
  isKept(node) || (node.nodeType === 1 && [...node.querySelectorAll("form, [data-keep], details.menu[open]")].some(isKept));
const isAlike = (one, other) => one.nodeName === other.nodeName && (one.id || "") === (other.id || "");

function takeAttributes(from, to) {
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !(name === "open" && from.tagName === "DETAILS")) from.removeAttribute(name);
  }
}

function morph(from, to) {
  if (isKept(from)) return;
  if (from.nodeType !== 1) { if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue; return; }
  takeAttributes(from, to);
  const named = new Map([...from.children].filter((one) => one.id).map((one) => [one.id, one]));
  let here = from.firstChild;
  for (const next of [...to.childNodes]) {
    const found = next.id ? named.get(next.id) : here;
    if (found && isAlike(found, next)) {
      if (found === here) here = here.nextSibling;
      else from.insertBefore(found, here);
      morph(found, next);
    } else from.insertBefore(document.importNode(next, true), here);
  }
  while (here) {
    const next = here.nextSibling;
    if (!holdsKept(here)) here.remove();
    here = next;
  }
}

function put(main) {
  const focused = document.activeElement;
  morph(document.getElementById("main"), main);
  document.title = `${main.dataset.title} · cictl`;
  if (focused !== document.activeElement) (focused.isConnected ? focused : document.getElementById("main")).focus({ preventScroll: true });
  prepare();
  document.dispatchEvent(new CustomEvent("shown"));
}

// ---- staying true

const say = (text, login) => {
  const line = document.getElementById("link");
  line.hidden = !text;
  line.textContent = text;
  if (login) line.append(" ", Object.assign(document.createElement("a"), { href: login, textContent: "Log in" }));
};
const isLogin = (url) => new URL(url).pathname.endsWith("/login") && !location.pathname.endsWith("/login");

// The server makes a page once for all who ask for it because of the same event: `seen` is its number. Whoever has just done something
// gets a page of their own, which tells of that.
let isFetching = false, isStale = false, seen = "", done = -2000;
export async function refresh() {
  if (isFetching || document.hidden) { isStale = true; return; }
  isFetching = true;
  isStale = false;
  const begun = performance.now();
  try {
    const answer = await fetch(location.href, { headers: performance.now() - done < 2000 ? PART : { ...PART, "X-Seen": seen }, cache: "no-cache" });
    if (isLogin(answer.url)) say("You are not logged in any more.", answer.url); // it tells the way back here
    else {
      say("");
      const main = parse(await answer.text());
      // A page that was asked for before a deed was done may not tell of it. What the deed answered stays, and is asked for anew where that is watched.
      if (begun < done) isStale = document.getElementById("main").dataset.watch !== "";
      else if (main && (answer.ok || answer.status === 404)) put(main);
    }
  } catch { say("The server does not answer. Trying again …"); }
  setTimeout(() => { isFetching = false; if (isStale) refresh(); }, 1000);
}

function isWatched({ kind, data }) {
  const watched = document.getElementById("main").dataset.watch.split(" ");
  if (kind === "up" || kind === "reset") return watched[0] !== "";
  const names = kind === "job" ? [`job:${data.id}`, `run:${data.state?.run_number}`] : [`${kind}:${data.agent_id ?? data.project_id}`];
  return [kind, ...names].some((name) => watched.includes(name));
}

// While there is no stream, each attempt to get one is a reason to look: so the page tells why, or goes on without.
function hear(message) {
  document.dispatchEvent(new CustomEvent("told", { detail: message }));
  if (message.kind !== "down" && !isWatched(message)) return;
  seen = message.number ?? "";
  refresh();
}

function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-age], time[data-since]")) {
    const seconds = Math.max(0, (now - Date.parse(time.dateTime)) / 1000);
    const text = "age" in time.dataset ? ago(seconds) : took(seconds);
    if (time.textContent !== text) time.textContent = text;
  }
}
const ago = (seconds) => {
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) if (seconds >= length) return `${Math.floor(seconds / length)}${unit} ago`;
  return "now";
};
const took = (seconds) => {
  const [whole, minutes, hours] = [Math.floor(seconds), Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  const two = (number) => String(number).padStart(2, "0");
  return minutes < 1 ? `${whole}s` : hours < 1 ? `${minutes}m${two(whole % 60)}s` : `${hours}h${two(minutes % 60)}m`;
};

// ---- questions and deeds

export function showDialog(...content) {
  const dialog = document.createElement("dialog");
  const heading = content.map((one) => (one.matches?.("h1, h2") ? one : one.querySelector?.("h1, h2"))).find(Boolean);
  if (heading) { heading.id ||= "asked-title"; dialog.setAttribute("aria-labelledby", heading.id); }
  dialog.append(...content);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-back]")) { event.preventDefault(); dialog.close(); }
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function showAnswer(html) {
  const main = parse(html);
  const content = [...document.importNode(main, true).children];
  for (const box of content) {
    const title = box.matches("h1") ? box : box.querySelector("h1"); // the page has one already
    if (title) title.replaceWith(Object.assign(document.createElement("h2"), { textContent: title.textContent }));
  }
  if (!main.querySelector("[data-back]")) {
    content.push(Object.assign(document.createElement("button"), { type: "button", textContent: "Close", autofocus: true }));
    content.at(-1).dataset.back = "";
  }
  return showDialog(...content);
}

const asked = new WeakMap(); // the form that a dialog asks about, by the dialog

async function send(form, button) {
  if (form.getAttribute("aria-busy") === "true") return;
  const isGet = form.method === "get";
  const fields = new URLSearchParams(new FormData(form, button));
  const url = isGet ? `${form.action}${String(fields) && `?${fields}`}` : form.action;
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { method: form.method, headers: PART, body: isGet ? undefined : fields });
    const html = await answer.text();
    if (!isGet) done = performance.now();
    const dialog = form.closest("dialog");
    if (isLogin(answer.url)) location.assign(answer.url);
    else if (isGet || !answer.ok) {
      dialog?.close();
      const shown = showAnswer(html);
      if (isGet) asked.set(shown, form);
    } else {
      dialog?.close();
      for (const one of [form, asked.get(dialog)]) if (one) HTMLFormElement.prototype.reset.call(one); // a field may be called `reset`
      // An answer that leads nowhere is itself what came out, such as a new token: it is not to be had a second time.
      if (!answer.redirected || new URL(answer.url).pathname === location.pathname) put(parse(html));
      else location.assign(answer.url);
    }
  } catch {
    say("The server does not answer. Nothing was done, or it is not known.");
  } finally {
    form.removeAttribute("aria-busy");
  }
}

// ---- keys

const areKeysOn = () => localStorage.getItem("keys") !== "off";
const LISTED = [["?", "this list"], ["/", "find"], ["Esc", "leave a field or a dialog"]];
let isGoing = 0;

function showKeys() {
  const list = document.createElement("dl");
  const links = [...document.querySelectorAll("nav [data-key]")].map((one) => [`g ${one.dataset.key}`, one.textContent]);
  for (const [keys, text] of [...LISTED, ...links, ...[...document.querySelectorAll("[data-keys]")].map((one) => one.dataset.keys.split("|"))]) {
    const term = document.createElement("dt");
    for (const key of keys.split(" ")) term.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
    list.append(term, Object.assign(document.createElement("dd"), { textContent: text }));
  }
  const label = Object.assign(document.createElement("label"), { textContent: " Single keys work", className: "check" });
  const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: areKeysOn() });
  box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
  label.prepend(box);
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Close" });
  close.dataset.back = "";
  const sheet = Object.assign(document.createElement("div"), { className: "narrow" });
  sheet.append(Object.assign(document.createElement("h2"), { textContent: "Keys" }), list, label, close);
  showDialog(sheet);
}

function press(event) {
  const field = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "Escape" && field && !event.target.closest("dialog")) field.blur();
  if (field || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || !areKeysOn()) return;
  if (event.key === "/") { event.preventDefault(); document.getElementById("find")?.focus(); }
  else if (event.key === "?") showKeys();
  else if (event.key === "g") isGoing = Date.now();
  else if (Date.now() - isGoing < 1500) { isGoing = 0; document.querySelector(`nav [data-key="${CSS.escape(event.key)}"]`)?.click(); }
}

// ---- begin

function prepare() {
  for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = !navigator.clipboard;
  tick();
}

function begin() {
  const keys = document.getElementById("keys");
  keys.hidden = false;
  keys.addEventListener("click", showKeys);
  document.addEventListener("keydown", press);
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-copy]");
    if (button) navigator.clipboard.writeText(button.dataset.copy).then(() => { button.textContent = "Copied"; });
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-act], [data-ask]")) return;
    event.preventDefault();
    send(event.target, event.submitter);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && isStale) refresh(); });
  prepare();
  setInterval(tick, 1000);
  if (document.getElementById("main").dataset.watch) connect(hear);
}

if (typeof document === "undefined") work();
else begin();
