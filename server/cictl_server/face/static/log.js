// The log of a job: however long it is, at most some parts of 100 lines are in the page, made by the server. Scrolling moves them along.
// Above and below them is room for the lines that are not there. In a very long log that room is smaller than they would be.

const CHUNK = Number(document.getElementById("log")?.dataset.chunk ?? 100);
const WANTED = 201, MOST_CHUNKS = 8, KEPT = 60, MOST_HITS = 5000, ROOM = 8e6, EDGE = 700;

const $ = (id) => document.getElementById(id);
const make = (name, props = {}) => Object.assign(document.createElement(name), props);
const partOf = (line) => Math.floor((line - 1) / CHUNK);

class Log {
  constructor(box) {
    this.box = box;
    this.above = make("div", { ariaHidden: "true" });
    this.block = make("div");
    this.below = make("div", { ariaHidden: "true" });
    this.parts = new Map();   // number of a part -> its element, also of some that are not shown now
    this.shown = [];          // numbers of the parts in the page, ascending
    this.folded = new Set();  // numbers of steps
    this.height = 20;         // of a row, on the average
    this.chosen = null;       // [first, last]
    this.hit = 0;
    this.wish = null;
    this.isBusy = false;
    this.isFollowing = false;
    this.fresh = 0;
    this.take(box.dataset);
    this.told = { total: this.total, size: this.size, isComplete: this.isComplete };  // when it was looked at last
  }

  take(told) {
    this.total = Number(told.total);
    this.size = Number(told.size);
    this.isComplete = "complete" in told;
    this.steps = told.steps.split(" ").filter(Boolean).map((one) => one.split(":").map(Number));  // number and first line of each
    $("log-told").textContent = told.told;
    $("log-fold").hidden = this.steps.length < 2;
  }

  // ---- which lines there are

  get lastPart() { return Math.max(0, partOf(Math.max(1, this.total))); }

  folds() {
    return this.steps.map(([step, first], at) => [step, first, (this.steps[at + 1]?.[1] ?? this.total + 1) - 1])
      .filter(([step, first, last]) => this.folded.has(step) && last >= first);
  }

  rank(line) {
    let hidden = 0;
    for (const [, first, last] of this.folds()) hidden += Math.max(0, Math.min(last, line - 1) - first + 1);
    return line - 1 - hidden;
  }

  unrank(rank) {
    let line = Math.max(0, Math.floor(rank)) + 1;
    for (const [, first, last] of this.folds()) if (line >= first) line += last - first + 1;
    return Math.max(1, Math.min(line, this.total));
  }

  isSkipped(part) {
    const first = part * CHUNK + 1, last = first + CHUNK - 1;
    return this.folds().some(([, from, to]) => first > from && last <= to);
  }

  beside(part, way) {
    do part += way; while (part >= 0 && part <= this.lastPart && this.isSkipped(part));
    return part < 0 || part > this.lastPart ? null : part;
  }

  seen(part) {
    const first = part * CHUNK + 1, last = Math.min(this.total, first + CHUNK - 1);
    return this.rank(last + 1) - this.rank(first);
  }

  // The parts around one, until there are enough lines to see.
  around(part) {
    const found = [part];
    let lines = this.seen(part), before = this.beside(part, -1), after = this.beside(part, 1);
    for (let at = 0; found.length < MOST_CHUNKS && (lines < WANTED) && (before !== null || after !== null); at += 1) {
      const isBefore = after === null || (before !== null && at % 2 === 0);
      const next = isBefore ? before : after;
      lines += this.seen(next);
      if (isBefore) { found.unshift(next); before = this.beside(next, -1); } else { found.push(next); after = this.beside(next, 1); }
    }
    return found;
  }

  // ---- getting them

  async fetch(first, count) {
    const url = new URL(location.pathname, location.href);
    url.search = new URLSearchParams({ rows: "", from: first, count });
    const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-cache" });
    const rows = answer.ok && !answer.redirected ? new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("rows") : null;
    if (!rows) throw new Error(`the server answered ${answer.status}`);
    this.take(rows.dataset);
    this.sort([...rows.children]);
  }

  // Put rows into their parts, each step before its first line.
  sort(rows) {
    const fresh = new Map();
    for (const [at, row] of rows.entries()) {
      const line = rows.slice(at, at + 3).find((one) => one.id.startsWith("L"));
      if (!line) continue;
      const part = partOf(Number(line.id.slice(1)));
      if (!fresh.has(part)) fresh.set(part, make("div", { className: "part" }));
      fresh.get(part).append(document.importNode(row, true));
    }
    for (const [part, element] of fresh) {
      const first = element.querySelector(".row"), number = Number(first.id.slice(1));
      if (number !== part * CHUNK + 1) continue;  // its beginning is missing
      element.dataset.rows = element.querySelectorAll(".row").length;
      this.dress(element);
      const old = this.parts.get(part);
      this.parts.delete(part);
      this.parts.set(part, element);
      if (old?.isConnected) old.replaceWith(element);
    }
    for (const part of this.parts.keys()) {
      if (this.parts.size <= KEPT) break;
      if (!this.shown.includes(part)) this.parts.delete(part);
    }
  }

  isWhole(part) {
    const wanted = Math.min(CHUNK, this.total - part * CHUNK);
    return Number(this.parts.get(part)?.dataset.rows ?? -1) >= wanted;
  }

  // ---- showing them

  dress(element) {
    const folds = this.folds();
    for (const row of element.querySelectorAll(".row")) {
      const line = Number(row.id.slice(1));
      row.classList.toggle("chosen", Boolean(this.chosen) && line >= this.chosen[0] && line <= this.chosen[1]);
      row.classList.toggle("hit", line === this.hit);
      row.hidden = folds.some(([, first, last]) => line >= first && line <= last);
    }
    for (const head of element.querySelectorAll(".step")) {
      const isFolded = this.folded.has(Number(head.dataset.step));
      let button = head.querySelector("button");
      if (!button) {
        const title = head.querySelector("h2");
        button = make("button", { type: "button", className: "quiet", textContent: title.textContent });
        title.replaceChildren(button);
      }
      button.ariaExpanded = String(!isFolded);
      head.classList.toggle("folded", isFolded);
    }
  }

  dressAll() { for (const part of this.parts.values()) this.dress(part); this.mark(); }

  anchor() {
    const edge = this.box.getBoundingClientRect().top;
    for (const row of this.block.querySelectorAll(".row:not([hidden]), .step")) {
      const { bottom, top } = row.getBoundingClientRect();
      if (bottom > edge && top < edge + this.box.clientHeight) return { key: row.id || `s${row.dataset.step}`, at: top - edge };
    }
    return null;
  }

  find(key) {
    return key.startsWith("s") ? this.block.querySelector(`.step[data-step="${key.slice(1)}"]`) : this.block.querySelector(`#${key}`);
  }

  // Show *parts*, and leave the row of *anchor* where it was on the screen.
  lay(parts, anchor) {
    const wanted = parts.map((part) => this.parts.get(part)).filter(Boolean);
    const isSame = wanted.length === this.block.children.length && wanted.every((one, at) => one === this.block.children[at]);
    this.shown = parts;
    if (!isSame) {
      for (const one of [...this.block.children]) if (!wanted.includes(one)) one.remove();
      wanted.forEach((one, at) => { if (this.block.children[at] !== one) this.block.insertBefore(one, this.block.children[at] ?? null); });
    }
    const first = parts[0] * CHUNK + 1, last = Math.min(this.total, (parts.at(-1) + 1) * CHUNK);
    const seen = this.rank(last + 1) - this.rank(first), all = this.rank(this.total + 1);
    if (seen > 0) this.height = this.block.offsetHeight / seen;
    const scale = Math.min(1, ROOM / (all * this.height || 1));
    this.unit = this.height * scale;
    this.above.style.height = `${this.rank(first) * this.unit}px`;
    this.below.style.height = `${(all - this.rank(last + 1)) * this.unit}px`;
    const row = anchor && this.find(anchor.key);
    if (row) this.box.scrollTop += row.getBoundingClientRect().top - this.box.getBoundingClientRect().top - anchor.at;
    this.mark();
  }

  // Bring a part into the page, and with `line` that line into sight. The latest wish counts.
  async show(part, { line = 0, isEnd = false } = {}) {
    this.wish = { part, line, isEnd };
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (this.wish) {
        const { part: wanted, line: goal, isEnd: toEnd } = this.wish;
        this.wish = null;
        const parts = this.around(Math.min(wanted, this.lastPart));
        for (const missing of parts.filter((one) => !this.isWhole(one))) {
          if (!this.isWhole(missing)) await this.fetch(missing * CHUNK + 1, CHUNK * Math.min(3, parts.at(-1) - missing + 1));
        }
        this.lay(parts, goal || toEnd ? null : this.anchor());
        if (goal) this.reveal(goal);
        if (toEnd) this.box.scrollTop = this.box.scrollHeight;
      }
      this.tell("");
    } catch { this.tell("The log can't be read now."); } finally { this.isBusy = false; }
  }

  reveal(line) {
    const row = this.find(`L${line}`);
    if (row) this.box.scrollTop += row.getBoundingClientRect().top - this.box.getBoundingClientRect().top - this.box.clientHeight / 3;
  }

  async goTo(line) {
    this.unfollow();
    const goal = Math.max(1, Math.min(line, this.total));
    for (const [step, first, last] of this.folds()) if (goal >= first && goal <= last) this.fold(step, false);
    await this.show(partOf(goal), { line: goal });
  }

  scrolled() {
    const { scrollTop: top, clientHeight } = this.box;
    if (!this.shown.length) return;
    const begin = this.above.offsetHeight, end = begin + this.block.offsetHeight, bottom = top + clientHeight;
    const before = this.beside(this.shown[0], -1), after = this.beside(this.shown.at(-1), 1);
    this.isFollowing = !this.isComplete && after === null && bottom >= this.box.scrollHeight - 4;
    if (this.isFollowing) this.fresh = 0;
    this.offerFollow();
    if (bottom < begin || top > end) {
      const rank = top < begin ? top / this.unit : this.rank((this.shown.at(-1) + 1) * CHUNK + 1) + (top - end) / this.unit;
      const isEnd = bottom >= this.box.scrollHeight - 1;
      const line = this.unrank(rank);
      this.show(partOf(isEnd ? this.total : line), isEnd ? { isEnd } : { line });
    } else if (before !== null && top - begin < EDGE && end - bottom >= EDGE) this.show(before);
    else if (after !== null && end - bottom < EDGE && top - begin >= EDGE) this.show(after);
    else if (before !== null && top < begin) this.show(before);
    else if (after !== null && bottom > end) this.show(after);
  }

  // ---- folding

  fold(step, isFolded) {
    if (isFolded) this.folded.add(step); else this.folded.delete(step);
    $("log-fold").textContent = this.folded.size ? "Unfold steps" : "Fold steps";
    this.dressAll();
  }

  refold() {
    const anchor = this.anchor();
    const line = anchor?.key.startsWith("L") ? Number(anchor.key.slice(1)) : this.steps.find(([step]) => `s${step}` === anchor?.key)?.[1];
    this.show(partOf(line ?? 1));
  }

  // ---- following

  unfollow() { this.isFollowing = false; this.offerFollow(); }

  offerFollow() {
    const button = $("log-follow");
    button.hidden = this.isComplete || this.isFollowing;
    button.textContent = this.fresh ? `Follow (${this.fresh} new)` : "Follow";
  }

  follow() {
    this.isFollowing = true;
    this.fresh = 0;
    this.offerFollow();
    return this.show(this.lastPart, { isEnd: true });
  }

  async look() {
    const { total, size, isComplete } = this.told;
    await this.fetch(partOf(Math.max(1, total)) * CHUNK + 1, 3 * CHUNK);
    this.told = { total: this.total, size: this.size, isComplete: this.isComplete };
    if (this.size === size && this.isComplete === isComplete) return false;
    $("log-empty")?.remove();
    this.fresh += this.isFollowing ? 0 : this.total - total;
    if (this.isFollowing) await this.follow();
    else if (this.shown.length) this.lay(this.around(this.shown[Math.floor(this.shown.length / 2)]).filter((part) => this.isWhole(part)), this.anchor());
    else await this.show(0);
    this.offerFollow();
    return true;
  }

  // ---- what is chosen and found

  choose(first, last) {
    this.chosen = first ? [Math.min(first, last), Math.max(first, last)] : null;
    $("log-copy").hidden = !this.chosen || !navigator.clipboard;
    this.dressAll();
  }

  mark() {
    if (!globalThis.Highlight) return;
    const words = this.words?.toLowerCase();
    const found = [];
    for (const row of words ? this.block.querySelectorAll(".row:not([hidden]) .text") : []) {
      const walk = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const text = node.data.toLowerCase();
        for (let at = text.length === node.data.length ? text.indexOf(words) : -1; at >= 0; at = text.indexOf(words, at + words.length)) {
          const range = new Range();
          range.setStart(node, at);
          range.setEnd(node, at + words.length);
          found.push(range);
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...found));
  }

  tell(text) { if (text || $("log-found").dataset.trouble) { $("log-found").textContent = text; $("log-found").dataset.trouble = text; } }
}

// ---- search

class Search {
  constructor(log) {
    this.log = log;
    this.hits = [];
    this.at = -1;
    this.turn = 0;
  }

  async run(words) {
    const turn = ++this.turn, { log } = this;
    this.hits = [];
    this.at = -1;
    log.words = words;
    log.hit = 0;
    log.dressAll();
    this.show(words ? "Searching …" : "");
    const url = new URL(`${document.body.dataset.root}api/v1/jobs/${encodeURIComponent(log.box.dataset.job)}/log/search`, location.href);
    try {
      for (let offset = 0; words && offset !== null && this.hits.length < MOST_HITS;) {
        url.search = new URLSearchParams({ q: words, offset, max: 500 });
        const answer = await fetch(url, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(answer.status);
        const { hits, next_offset: next = null } = await answer.json();
        if (turn !== this.turn) return;
        this.hits.push(...hits.map(({ line }) => line));
        if (this.at < 0 && this.hits.length) await this.step(1);
        offset = next;
        this.show(offset === null ? "" : "so far");
      }
      if (words && !this.hits.length) this.show("Nothing found");
    } catch { if (turn === this.turn) this.show("The search was broken off"); }
  }

  show(note) {
    const many = this.hits.length >= MOST_HITS ? `${this.hits.length} or more` : this.hits.length;
    $("log-found").textContent = this.hits.length ? `${this.at + 1} of ${many} ${note}`.trim() : note;
    for (const id of ["log-previous", "log-next"]) $(id).hidden = !this.hits.length;
  }

  async step(way) {
    if (!this.hits.length) return;
    this.at = (this.at + way + this.hits.length) % this.hits.length;
    this.show("");
    this.log.hit = this.hits[this.at];
    await this.log.goTo(this.log.hit);
    this.log.dressAll();
  }
}

// ---- begin

function readHash(log) {
  const found = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash);
  if (!found) return false;
  const [first, last] = [Number(found[1]), Number(found[2] ?? found[1])];
  log.choose(first, last);
  log.goTo(Math.min(first, last));
  return true;
}

function setHash(log, first, last) {
  history.replaceState(null, "", first === last ? `#L${first}` : `#L${Math.min(first, last)}-L${Math.max(first, last)}`);
  log.choose(first, last);
}

function press(event, log, search) {
  if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem("keys") === "off") return;
  if (event.key === "n") search.step(1);
  else if (event.key === "p") search.step(-1);
  else if (event.key === "f" && !log.isComplete) log.follow();
}

async function keepLooking(log) {
  let pause = 1000, wake = () => {};
  document.addEventListener("told", ({ detail: { kind, data } }) => { if (kind === "up" || (kind === "job" && data.id === log.box.dataset.job)) wake(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) wake(); });
  while (!log.isComplete) {
    await new Promise((resolve) => { wake = resolve; setTimeout(resolve, pause); });
    if (document.hidden) { pause = 60000; continue; }
    const begun = performance.now();
    try {
      const isNews = await log.look();
      log.tell("");
      // A server that is slow to answer is asked less often.
      pause = Math.min(15000, Math.max(isNews ? 1000 : Math.min(3000, pause * 1.2), 20 * (performance.now() - begun)));
    } catch { log.tell("Not connected. Trying again …"); pause = Math.min(15000, Math.max(2000, pause * 1.5)); }
  }
}

function begin(box) {
  const log = new Log(box), search = new Search(log);
  const rows = [...box.children];
  box.replaceChildren(log.above, log.block, log.below);
  const empty = rows.find((row) => row.id === "log-empty");
  if (empty) box.prepend(empty);
  box.classList.add("live");
  log.sort(rows);
  const first = Number(box.dataset.first);
  const isLast = first + rows.filter((row) => row.classList.contains("row")).length > log.total;
  const asked = Number((new URLSearchParams(location.search).get("from") ?? "").split("-")[0].replace("L", ""));
  if (!readHash(log) && log.total) {
    if (asked > 0 && !isLast) log.goTo(asked);
    else log.follow().then(() => { if (log.isComplete) log.unfollow(); });
  }
  let isAwaited = false;
  box.addEventListener("scroll", () => {
    if (isAwaited) return;
    isAwaited = true;
    requestAnimationFrame(() => { isAwaited = false; log.scrolled(); });
  }, { passive: true });
  new ResizeObserver(() => { if (log.shown.length) log.lay(log.shown, log.isFollowing ? null : log.anchor()); if (log.isFollowing) box.scrollTop = box.scrollHeight; }).observe(box);
  box.addEventListener("click", (event) => {
    const number = event.target.closest(".no"), button = event.target.closest(".step button");
    if (number && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      const line = Number(number.textContent);
      setHash(log, event.shiftKey && log.chosen ? log.chosen[0] : line, line);
    } else if (button) {
      const step = Number(button.closest(".step").dataset.step);
      log.fold(step, !log.folded.has(step));
      log.refold();
    }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    setHash(log, Number(link.dataset.line), Number(link.dataset.line));
    log.goTo(Number(link.dataset.line));
  });
  addEventListener("hashchange", () => readHash(log));
  $("log-search").addEventListener("submit", (event) => { event.preventDefault(); search.run($("log-query").value.trim()); });
  $("log-go").addEventListener("submit", (event) => {
    event.preventDefault();
    const [one, other] = ($("log-line").value.match(/\d+/g) ?? []).map(Number);
    if (one) { setHash(log, one, other ?? one); log.goTo(Math.min(one, other ?? one)); }
  });
  $("log-next").addEventListener("click", () => search.step(1));
  $("log-previous").addEventListener("click", () => search.step(-1));
  $("log-copy").addEventListener("click", () => navigator.clipboard.writeText(location.href).then(() => { $("log-copy").textContent = "Copied"; setTimeout(() => { $("log-copy").textContent = "Copy link"; }, 2000); }));
  $("log-follow").addEventListener("click", () => log.follow());
  $("log-fold").addEventListener("click", () => {
    const areFolded = log.folded.size > 0;
    for (const [step] of log.steps) log.fold(step, !areFolded);
    log.refold();
  });
  box.addEventListener("keydown", (event) => {
    if (event.target !== box || !["Home", "End"].includes(event.key) || !log.total) return;
    event.preventDefault();  // the browser would glide through all of it
    if (event.key === "Home") log.goTo(1); else log.follow();
  });
  document.addEventListener("keydown", (event) => press(event, log, search));
  if ($("log-query").value) search.run($("log-query").value.trim());
  keepLooking(log);
}

if ($("log")) begin($("log"));
