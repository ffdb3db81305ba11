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
  // What is closed for good is asked for once more; without a reason the engine says that it wants one.
  document.addEventListener("click", (e) => {
    const button = e.target.closest("[data-sure]");
    if (!button) return;
    const reason = button.form.elements.reason;
    if (!reason.value.trim()) { reason.focus(); return; }
    if (!confirm(button.dataset.sure)) { e.preventDefault(); e.stopImmediatePropagation(); }
  }, true);
  document.addEventListener("keypress", (e) => { // Enter in a form presses its first button; this field is of another one
    if (e.key !== "Enter" || !e.target.matches("input[data-enter]")) return;
    e.preventDefault();
    document.getElementById(e.target.dataset.enter).click();
  });
  // g then a letter goes to a page, / to the search, as the help says.
  let pressed = "";
  const closeMenu = () => {
    const button = document.querySelector(".menu");
    document.body.classList.remove("menu-open");
    button.setAttribute("aria-expanded", false);
    button.focus();
  };
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && document.body.classList.contains("menu-open")) closeMenu();
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

  // ---- the keyboard's place: a part of the page that is replaced takes it away from where somebody is

  const placeOf = () => {
    const el = document.activeElement;
    if (!el || el === document.body) return null;
    return {
      el, id: el.id, name: el.name, href: el.getAttribute("href"), text: el.innerText, top: el.getBoundingClientRect().top,
      from: el.selectionStart, to: el.selectionEnd,
    };
  };
  const backTo = (place) => {
    if (!place) return;
    if (place.el.isConnected) {
      if (document.activeElement === document.body) place.el.focus({ preventScroll: true });
      return;
    }
    const twin = place.id ? document.getElementById(place.id)
      : [...document.querySelectorAll(place.el.localName)].find((el) =>
          el.name === place.name && el.getAttribute("href") === place.href && el.innerText === place.text);
    // What somebody pressed may be gone because it is done: then what came of it is next.
    const to = twin ?? document.querySelector("main [role=alert], main [role=status]") ?? document.getElementById("main");
    if (!twin) to.tabIndex = -1;
    to.focus({ preventScroll: !!twin });
    if (!twin) return;
    if (place.from != null && to.type === place.el.type) to.setSelectionRange(place.from, place.to);
    scrollBy(0, to.getBoundingClientRect().top - place.top);
  };
  let place = null;
  document.addEventListener("htmx:before:swap", () => { place = placeOf(); });

  // The systems are asked for what may be chosen. That takes a while, and what somebody types meanwhile is kept: the
  // form is laid out once more with it, until nothing new was typed.
  const ask = async (path, note) => {
    const typed = () => new URLSearchParams(new FormData(document.getElementById("sheet"))).toString();
    let sent = typed();
    let answer = await fetch(path, { headers: { "HX-Request": "true" } });
    let text = await answer.text();
    while (answer.ok && typed() !== sent) {
      sent = typed();
      answer = await fetch("/settings/preview", {
        method: "POST", body: sent, headers: { "HX-Request": "true", "Content-Type": "application/x-www-form-urlencoded" },
      });
      text = await answer.text();
    }
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const form = fresh.getElementById("settings");
    if (!form) {
      note.replaceChildren(...fresh.body.childNodes);
      return;
    }
    const parts = () => [...document.querySelectorAll("details.part")];
    const title = (part) => part.querySelector("h2").firstChild.textContent;
    const open = parts().filter((part) => part.open).map(title);
    const place = placeOf();
    document.getElementById("settings").replaceWith(form);
    for (const part of parts()) part.open ||= open.includes(title(part));
    htmx.process(form);
    settle();
    backTo(place);
  };
  document.addEventListener("click", (e) => {
    const again = e.target.closest("a[data-again]");
    if (!again || !document.getElementById("sheet")) return;
    e.preventDefault();
    again.classList.add("htmx-request");
    ask(again.href, again.parentElement).catch(() => { location.href = again.href; });
  });
  const askUnasked = () => {
    const note = document.querySelector("[data-ask]");
    if (note) ask(note.dataset.ask, note).catch((e) => { note.textContent = e.message; });
  };

  const settle = () => { tellTimes(); drawAll(); tellWrong(); showFlows(); };
  document.addEventListener("htmx:after:swap", () => {
    settle();
    backTo(place);
    place = null;
    const done = document.querySelector("#result [data-settled]");
    if (!done) return;
    done.removeAttribute("data-settled"); // what stands on the page is of before
    htmx.ajax("GET", location.pathname + location.search, { target: "#standing", select: "#standing", swap: "outerHTML" });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let resizing = null;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(drawAll, 200); });
  setInterval(tellTimes, 10_000);
  settle();
  askUnasked();
})();
