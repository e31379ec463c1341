(() => {
  const every = 5000, root = document.documentElement, fresh = document.getElementById("fresh"), pause = document.getElementById("pause");
  const said = document.getElementById("said");
  let paused = false, verdict = document.getElementById("verdict").textContent;
  const update = async () => {
    const answer = await fetch("/live", { cache: "no-store", headers: { Accept: "application/json" } });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) throw new Error(answer.status);
    const parts = await answer.json();
    for (const id in parts) {
      const place = document.getElementById(id);
      // What somebody is reading with the keyboard, or has marked, stays.
      const held = place.contains(document.activeElement) || place.contains(getSelection().anchorNode) && !getSelection().isCollapsed;
      if (held) continue;
      const scrolled = [...place.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
      place.innerHTML = parts[id];
      place.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = scrolled[i] || 0; });
    }
    const now = document.getElementById("verdict").textContent;
    if (now !== verdict) said.textContent = document.title = "tpush: " + (verdict = now);
    root.className = "live";
    fresh.textContent = "live, " + new Date().toLocaleTimeString([], { hour12: false });
  };
  const loop = async () => {
    if (!paused && !document.hidden) {
      try { await update(); } catch { root.className = "lost"; fresh.textContent = "no answer from tpush"; }
    }
    setTimeout(loop, every);
  };
  // What a chart shows at the pointer, read from its drawing.
  const width = 360;
  let tip;
  const heights = (path) => {
    const at = new Map();
    for (const [, x, y] of path.matchAll(/[ML](\d+) ([\d.-]+)/g)) at.has(+x) || at.set(+x, +y);
    return at;
  };
  const shown = (v, unit) => unit ? (v < 9.95 ? Math.round(v * 10) / 10 : Math.round(v).toLocaleString("en")) : v < 1 ? Math.round(v * 1000) + " ms" : Math.round(v * 10) / 10 + " s";
  document.addEventListener("pointermove", (event) => {
    const svg = event.target.closest?.(".plot svg");
    tip?.remove();
    document.querySelectorAll(".cursor").forEach((e) => e.remove());
    if (!svg) return;
    const figure = svg.closest("figure"), box = svg.getBoundingClientRect(), outer = figure.getBoundingClientRect();
    const wanted = (event.clientX - box.left) / box.width * width;
    const limit = +svg.dataset.limit, unit = figure.querySelector("figcaption small");
    tip = document.createElement("div");
    tip.className = "tip";
    let below = 100, x = wanted;
    const names = [...figure.querySelectorAll(".legend tbody th")];
    for (const path of svg.querySelectorAll(".area, .line")) {
      const color = [...path.classList].find((c) => /^c\d/.test(c)), at = heights(path.getAttribute("d"));
      x = [...at.keys()].reduce((a, b) => Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a);
      const y = at.get(x), name = names.find((th) => th.querySelector("i." + color));
      if (!name) continue;
      const value = (path.classList.contains("area") ? below - y : 100 - y) / 100 * limit;
      if (path.classList.contains("area")) below = y;
      const row = tip.appendChild(document.createElement("div"));
      row.appendChild(document.createElement("i")).className = color;
      row.append(name.textContent);
      row.appendChild(document.createElement("b")).textContent = shown(value, unit);
    }
    tip.prepend(new Date((svg.dataset.end - svg.dataset.span * (1 - x / width)) * 1000).toISOString().slice(11, 19));
    figure.append(tip);
    const right = event.clientX - outer.left > outer.width / 2;
    tip.style.top = box.top - outer.top + 8 + "px";
    tip.style[right ? "right" : "left"] = (right ? outer.right - event.clientX : event.clientX - outer.left) + 12 + "px";
    const line = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "path"));
    line.setAttribute("class", "cursor");
    line.setAttribute("d", `M${x} 0V100`);
  });
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    pause.textContent = paused ? "Go on" : "Pause";
    root.className = paused ? "" : "live";
  });
  setTimeout(loop, every);
})();
