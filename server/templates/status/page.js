// Only adds: the reader's own times, a page that keeps itself true, and keys for the strips of days.
(() => {
  const main = document.querySelector("main");
  const byId = (id) => document.getElementById(id);
  const spoken = document.documentElement.lang;
  // In the reader's own form of the page's language: 27 Nov or Nov 27.
  const lang = navigator.languages.find((own) => own.split("-")[0] === spoken) ?? spoken;
  const said = byId("zone"), change = byId("switch"), stale = byId("stale");
  let utc = false;
  try { utc = localStorage.getItem("zone") === "utc"; } catch { /* not kept, then */ }

  const formed = (instant) => new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short", timeZone: utc ? "UTC" : undefined }).format(instant);
  const times = () => {
    for (const time of document.querySelectorAll("time[datetime*=T]")) {
      time.title ||= time.textContent;
      time.textContent = utc ? time.title : formed(new Date(time.dateTime));
    }
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    said.textContent = utc ? said.dataset.utc : said.dataset.local.replace("{}", zone);
    change.textContent = utc ? change.dataset.local : change.dataset.utc;
  };
  change.hidden = false;
  change.onclick = () => {
    utc = !utc;
    try { localStorage.setItem("zone", utc ? "utc" : ""); } catch { /* not kept, then */ }
    times();
  };

  // A strip is a slider over its days: one stop of the Tab key, and each day has its name.
  const words = main.dataset.health.split("|");
  const chosen = new Map();
  const enhance = (within) => {
    for (const strip of within.querySelectorAll(".strip")) {
      const days = strip.dataset.days.split(" ").flatMap((run) => {
        const [health, count] = run.split("x");
        return Array(+count).fill(+health);
      });
      const caption = strip.nextElementSibling.firstElementChild;
      const usual = caption.textContent;
      const mark = document.createElement("i");
      strip.append(mark);
      const name = (day) => {
        const date = new Date((main.dataset.today - days.length + 1 + day) * 864e5);
        const trouble = strip.parentElement.querySelector("[data-day='" + day + "'] span");
        return date.toLocaleDateString(lang, { dateStyle: "medium", timeZone: "UTC" }) + ": " + (trouble || { textContent: words[days[day]] }).textContent;
      };
      const choose = (day) => {
        day = Math.max(0, Math.min(days.length - 1, day));
        chosen.set(strip.id, day);
        strip.setAttribute("aria-valuenow", day);
        strip.setAttribute("aria-valuetext", name(day));
        caption.textContent = name(day);
        mark.style.left = day / days.length * 100 + "%";
        mark.style.width = 100 / days.length + "%";
        strip.classList.add("on");
      };
      const leave = () => {
        if (document.activeElement === strip) return;
        caption.textContent = usual;
        strip.classList.remove("on");
      };
      const last = days.length - 1;
      strip.setAttribute("role", "slider");
      strip.setAttribute("aria-valuemin", 0);
      strip.setAttribute("aria-valuemax", last);
      strip.setAttribute("aria-valuenow", last);
      strip.setAttribute("aria-valuetext", name(last));
      strip.tabIndex = 0;
      strip.onfocus = () => choose(chosen.get(strip.id) ?? last);
      strip.onblur = strip.onpointerleave = leave;
      strip.onpointermove = strip.onpointerdown = (e) => {
        const box = strip.getBoundingClientRect();
        choose(Math.floor((e.clientX - box.left) / box.width * days.length));
      };
      strip.onkeydown = (e) => {
        const at = chosen.get(strip.id) ?? last;
        const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - 7, PageUp: at + 7, Home: 0, End: last }[e.key];
        if (to === undefined || e.altKey || e.ctrlKey || e.metaKey) return;
        e.preventDefault();
        choose(to);
      };
    }
  };

  // What differs is put in place; what somebody is at keeps the focus.
  const sent = new Map([...main.children].map((part) => [part.id, part.outerHTML]));
  const renewed = (page) => {
    const next = [...page.querySelector("main").children];
    for (const part of [...main.children]) if (!next.some((n) => n.id === part.id)) part.remove();
    const focused = document.activeElement?.id;
    const opened = [...main.querySelectorAll("details[open]")].map((d) => d.id);
    main.dataset.today = page.querySelector("main").dataset.today;
    let at = main.firstElementChild;
    for (const part of next) {
      const html = part.outerHTML;
      if (at?.id === part.id) {
        if (sent.get(part.id) !== html) {
          at.className = part.className;
          at.replaceChildren(...part.childNodes);
          enhance(at);
        }
        at = at.nextElementSibling;
      } else {
        main.insertBefore(part, at);
        enhance(part);
      }
      sent.set(part.id, html);
    }
    for (const id of opened) byId(id)?.setAttribute("open", "");
    if (focused && document.activeElement?.id !== focused) byId(focused)?.focus({ preventScroll: true });
    document.title = page.title;
    times();
  };
  let tag, whole = Date.now();
  const renew = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href.split("#")[0], { cache: "no-cache" });
      if (!answer.ok) throw answer;
      whole = Date.now();
      const now = answer.headers.get("etag");
      if (now !== tag) renewed(new DOMParser().parseFromString(await answer.text(), "text/html"));
      tag = now;
    } catch { /* the last known page stays, and says how old it is */ }
    old();
  };
  // Nobody answers any more; or somebody does, with a copy of a page that is no longer renewed.
  const old = () => {
    const asOf = Date.parse(main.querySelector("#asof time")?.dateTime);
    const since = Date.now() - whole > 15e3 ? whole : Date.now() - asOf > 6e5 ? asOf : 0;
    stale.hidden = !since;
    if (since) stale.textContent = stale.dataset.says.replace("{}", formed(since));
  };
  enhance(main);
  times();
  old();
  if ("live" in main.dataset && location.protocol !== "file:") {
    setInterval(renew, 5000);
    addEventListener("visibilitychange", renew);
  }
})();
