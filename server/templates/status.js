(() => {
  const local = () => {
    const f = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
    for (const t of document.querySelectorAll("time")) {
      const d = new Date(t.dateTime);
      if (!t.title) t.title = t.textContent;
      t.textContent = f.format(d);
    }
    const zone = document.getElementById("zone");
    if (zone) zone.parentNode.firstChild.data = "Times are in your zone (" + Intl.DateTimeFormat().resolvedOptions().timeZone + "), UTC on hover";
  };
  local();
  let tag = "";
  const renew = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.pathname, { cache: "no-cache" });
      const now = answer.headers.get("etag");
      if (!answer.ok || now === tag) return;
      tag = now;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelector("main").replaceWith(page.querySelector("main"));
      document.title = page.title;
      local();
    } catch { /* the last known page stays */ }
  };
  setInterval(renew, 5000);
  addEventListener("visibilitychange", renew);
})();
