// The end of a log on the page of its job: while the job runs, the server is asked for it again.

const followed = new WeakMap();  // tails, and whether one looks at their end

const goToEnd = (tail) => { if (followed.get(tail)) tail.scrollTop = tail.scrollHeight; };

async function keepTail(tail) {
  for (let pause = 1500; tail.isConnected && !("complete" in tail.dataset);) {
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    if (document.hidden) continue;
    const begun = performance.now();
    try {
      const answer = await fetch(tail.dataset.href, { headers: { Accept: "text/html" }, cache: "no-cache" });
      const rows = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("rows");
      if (rows && rows.dataset.size !== tail.dataset.size) {
        tail.replaceChildren(...[...rows.children].map((row) => document.importNode(row, true)));
        Object.assign(tail.dataset, rows.dataset);
        document.getElementById("log-told").textContent = rows.dataset.told;
        goToEnd(tail);
      }
      pause = Math.min(15000, Math.max(1500, 20 * (performance.now() - begun)));
    } catch { pause = Math.min(15000, pause * 1.5); }
  }
}

function prepare() {
  const tail = document.getElementById("tail");
  if (!tail) return;
  if (!followed.has(tail)) {
    followed.set(tail, true);
    tail.addEventListener("scroll", () => followed.set(tail, tail.scrollTop + tail.clientHeight >= tail.scrollHeight - 4), { passive: true });
    keepTail(tail);
  }
  goToEnd(tail);
}

prepare();
document.addEventListener("shown", prepare);
