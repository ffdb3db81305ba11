// What the pages do beside htmx: times and charts in the reader's language and zone, news from the engine, small
// comforts. Without it every page still shows everything, and every form works.
"use strict";
(() => {
  const lang = document.documentElement.lang;
  const formats = {
    minute: new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" }),
    second: new Intl.DateTimeFormat(lang, { dateStyle: "short", timeStyle: "medium" }),
    clock: new Intl.DateTimeFormat(lang, { timeStyle: "medium" }),
    hour: new Intl.DateTimeFormat(lang, { weekday: "short", hour: "2-digit", minute: "2-digit" }),
    axis: new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit" }),
    day: new Intl.DateTimeFormat(lang, { day: "numeric", month: "short" }),
    number: new Intl.NumberFormat(lang),
    ago: new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" }),
  };

  const ago = (at) => {
    const seconds = Math.round((at - Date.now()) / 1000);
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
      if (Math.abs(seconds) >= size) return formats.ago.format(Math.trunc(seconds / size), unit);
    }
    return formats.ago.format(seconds, "second");
  };

  const tellTimes = () => {
    for (const el of document.querySelectorAll("time[data-as]")) {
      const at = new Date(el.dateTime);
      const text = el.dataset.as === "ago" ? ago(at) : formats[el.dataset.as].format(at);
      if (el.textContent !== text) el.textContent = text;
      el.title = formats.second.format(at);
    }
  };

  // ---- charts

  const probe = document.body.appendChild(document.createElement("i"));
  probe.hidden = true;
  const colour = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const charts = new Map();

  const draw = async (box) => {
    const answer = await fetch(box.dataset.chart, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const { hours, series } = await answer.json();
    const names = box.dataset.series.split(",");
    const labels = box.dataset.labels.split(",");
    const stacked = names.map((_, i) =>
      hours.map((_, h) => names.slice(0, i + 1).reduce((sum, name) => sum + series[name][h], 0)));
    const data = [hours, ...stacked.reverse()];
    if (stacked[0].every((n) => n === 0)) { // stacked was turned: its first has the sums
      box.replaceChildren(Object.assign(document.createElement("p"), { className: "empty", textContent: box.dataset.empty }));
      return;
    }
    const old = charts.get(box);
    if (old && old.theme === theme() && old.plot.root.isConnected) {
      old.plot.setData(data);
      return;
    }
    box.replaceChildren();
    const width = 1 / Math.max(1, window.devicePixelRatio);
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width }, ticks: { stroke: colour("line"), width } };
    const plot = new uPlot({
      width: box.clientWidth, height: 200, padding: [8, 30, 0, 0],
      cursor: { points: { show: false }, drag: { x: false, y: false } },
      legend: { show: true, live: true },
      scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(5, max * 1.1)] } },
      axes: [
        { ...axis, space: 76, values: (_, list) => list.map((s) => {
          const at = new Date(s * 1000);
          return at.getHours() === 0 && at.getMinutes() === 0 ? formats.day.format(at) : formats.axis.format(at);
        }) },
        { ...axis, size: 56, values: (_, list) => list.map((v) => (Number.isInteger(v) ? formats.number.format(v) : "")) },
      ],
      series: [
        { label: box.dataset.when, value: (_, s) => (s == null ? "" : formats.hour.format(new Date(s * 1000))) },
        ...names.map((name, i) => ({
          label: labels[i], fill: colour(name), stroke: colour(name), width: 0, points: { show: false },
          paths: uPlot.paths.bars({ size: [0.82, 40], radius: 0.08 }),
          value: (u, _, __, h) => (h == null ? "" : formats.number.format(series[name][h])),
        })).reverse(),
      ],
    }, data, box);
    charts.set(box, { plot, theme: theme() });
  };
  const theme = () => colour("page") + document.documentElement.clientWidth;
  const drawAll = () => {
    for (const [box, c] of charts) if (!box.isConnected) { c.plot.destroy(); charts.delete(box); }
    for (const box of document.querySelectorAll("[data-chart]")) draw(box).catch(() => {});
  };

  // ---- news

  let waiting = null;
  const refresh = () => {
    waiting = null;
    const live = document.querySelector("[data-live]");
    if (!live || document.hidden || live.dataset.live === "held") return;
    if (live.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) return;
    htmx.ajax("GET", location.pathname + location.search, { target: "#" + live.id, select: "#" + live.id, swap: "outerMorph" });
  };
  const changed = () => { waiting ??= setTimeout(refresh, 800); };
  if (document.querySelector("meta[name=events]")) {
    let source = null;
    const listen = () => {
      if (document.hidden) { source?.close(); source = null; return; }
      if (source) return;
      source = new EventSource("/events");
      source.addEventListener("changed", changed);
    };
    document.addEventListener("visibilitychange", () => { listen(); if (!document.hidden) changed(); });
    addEventListener("pagehide", () => { source?.close(); source = null; });
    addEventListener("pageshow", listen);
    listen();
  }

  // ---- comforts

  document.addEventListener("click", (e) => {
    const button = e.target.closest("[data-do]");
    if (!button) return;
    switch (button.dataset.do) {
      case "theme": {
        const dark = getComputedStyle(document.documentElement).colorScheme === "dark" ||
          (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
        document.documentElement.dataset.theme = dark ? "light" : "dark";
        localStorage.setItem("theme", document.documentElement.dataset.theme);
        drawAll();
        break;
      }
      case "hold": {
        const live = document.querySelector("[data-live]");
        const held = live.dataset.live !== "held";
        live.dataset.live = held ? "held" : "";
        button.setAttribute("aria-pressed", held);
        if (!held) refresh();
        break;
      }
      case "menu": {
        const open = document.body.classList.toggle("menu-open");
        button.setAttribute("aria-expanded", open);
        break;
      }
    }
  });
  document.addEventListener("change", (e) => {
    if (e.target.matches("[data-submit]")) e.target.form.requestSubmit();
    if (e.target.matches("[data-all]")) {
      for (const box of document.querySelectorAll(`input[name="${e.target.dataset.all}"]`)) box.checked = e.target.checked;
    }
  });
  document.addEventListener("submit", (e) => {
    const question = e.submitter?.dataset.sure;
    if (question && !confirm(question)) { e.preventDefault(); e.stopImmediatePropagation(); }
  }, true);
  // g then a letter goes to a page, / to the search, as the help says.
  let pressed = "";
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select")) return;
    if (e.key === "/") {
      const field = document.querySelector("input[type=search]");
      if (field) { e.preventDefault(); field.focus(); } else { location.href = "/activity"; }
      return;
    }
    if (pressed === "g") {
      const link = document.querySelector(`nav a[data-key="${CSS.escape(e.key)}"]`);
      if (link) { e.preventDefault(); link.click(); }
    }
    pressed = e.key;
  });

  // ---- settings: what is wrong stands at its field, and what belongs to flows that are not ticked is out of the way

  const tellWrong = () => {
    const preview = document.getElementById("preview");
    if (!preview) return;
    for (const place of document.querySelectorAll(".setting .wrong")) {
      const name = place.id.slice("wrong-".length);
      const wrong = preview.querySelector(`[data-wrong="${CSS.escape(name)}"]`);
      place.textContent = wrong?.dataset.text ?? "";
      const field = document.getElementById("v-" + name);
      if (wrong) field?.setAttribute("aria-invalid", "true"); else field?.removeAttribute("aria-invalid");
    }
  };
  const showFlows = () => {
    const boxes = [...document.querySelectorAll("input[data-shows]")];
    if (!boxes.length) return;
    const on = new Set(boxes.filter((b) => b.checked).map((b) => b.dataset.shows));
    for (const el of document.querySelectorAll("[data-flow]")) el.toggleAttribute("data-off", !on.has(el.dataset.flow));
    for (const part of document.querySelectorAll(".part")) {
      const fields = [...part.querySelectorAll(".setting")];
      part.toggleAttribute("data-off", fields.length > 0 && fields.every((f) => f.hasAttribute("data-off")));
    }
  };
  document.addEventListener("change", (e) => { if (e.target.matches("[data-shows]")) showFlows(); });
  document.addEventListener("click", (e) => { // a mistake's link leads into a part that may be folded
    const link = e.target.closest('#preview a[href^="#v-"]');
    const field = link && document.getElementById(link.hash.slice(1));
    if (!field) return;
    e.preventDefault();
    const folded = field.closest("details");
    if (folded) folded.open = true;
    field.scrollIntoView({ block: "center" });
    field.focus();
  });

  const settle = () => { tellTimes(); drawAll(); tellWrong(); showFlows(); };
  document.addEventListener("htmx:after:swap", settle);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let resizing = null;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(drawAll, 200); });
  setInterval(tellTimes, 10_000);
  settle();
})();
