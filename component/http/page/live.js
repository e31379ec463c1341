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
    fresh.textContent = "live, " + new Date().toLocaleTimeString();
  };
  const loop = async () => {
    if (!paused && !document.hidden) {
      try { await update(); } catch { root.className = "lost"; fresh.textContent = "no answer from tpush"; }
    }
    setTimeout(loop, every);
  };
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", paused);
    pause.textContent = paused ? "Go on" : "Pause";
    root.className = paused ? "" : "live";
  });
  setTimeout(loop, every);
})();
