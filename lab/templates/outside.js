// Shows what arrives: waits for something newer than this page, then loads it again. A reader in the middle of a mail is left alone.
const news = async (what) => {
  for (;;) {
    const answer = await fetch(`/control/${what}?brief=true&limit=1&after=${document.body.dataset.last}&wait_ms=30000`);
    if ((await answer.json()).length) return;
  }
};
const busy = () => document.querySelector("details[open]") || String(getSelection());
const pause = () => new Promise((over) => setTimeout(over, 500));
Promise.race([news("received"), news("happened")]).then(async () => {
  do await pause(); while (busy());
  // What was said about a press is said once.
  if (location.search) location.replace(location.pathname);
  else location.reload();
}, () => {});
