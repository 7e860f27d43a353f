// Every page, light and dark, on a phone and at a desk: quiet, within its width, accessible, and in the browser what the
// server sent. The pictures are in test-results.
import { expectGoodLooks, SIZES } from "./looks.js";
import { link, Outside } from "./outside.js";
import { expect, type House, type Page, takenOver, test } from "./test.js";
import { faults } from "./validate.js";

test.use({ stage: "screens" });

interface Place {
  name: string;
  at: (found: Found) => string;
  /** A page of the public: askama, no hydration, nobody signed in. */
  public?: true;
  /** The status it answers with, where that is not 200. */
  status?: number;
}

/** What the house was filled with. */
interface Found {
  incident: string;
  run: string;
  /** A window that is about to be scheduled, beside one that goes on. */
  draft: string;
  /** The page that a mail's link leads to. */
  acknowledge: string;
  /** What somebody is asked who wants to be told of the public page, and what somebody chose who was asked. */
  confirm: string;
  manage: string;
}

const PLACES: Place[] = [
  { name: "board", at: () => "/" },
  { name: "wall", at: () => "/?wall" },
  { name: "failover", at: () => "/failover/manufacturing-database" },
  { name: "service", at: () => "/services/manufacturing-database" },
  { name: "maintenance", at: (found) => found.draft },
  { name: "incidents", at: () => "/incidents" },
  { name: "declare", at: () => "/incidents/new" },
  { name: "incident", at: (found) => `/incidents/${found.incident}` },
  { name: "runbooks", at: () => "/runbooks" },
  { name: "runbook", at: () => "/runbooks/database-recovery" },
  { name: "run", at: (found) => `/runs/${found.run}` },
  { name: "update", at: (found) => `/incidents/${found.incident}/update` },
  { name: "contacts", at: () => "/contacts" },
  { name: "matrix", at: () => "/matrix" },
  { name: "plan", at: () => "/plan" },
  { name: "drills", at: () => "/drills" },
  { name: "postmortems", at: () => "/postmortems" },
  { name: "not-found", at: () => "/nowhere", status: 404 },
  { name: "status", at: () => "/status", public: true },
  { name: "status-incident", at: (found) => `/status/incidents/${found.incident}`, public: true },
  { name: "status-history", at: () => "/status/history", public: true },
  { name: "status-maintenance", at: () => "/status/maintenance/MNT-2026-001".replace("2026", String(new Date().getUTCFullYear())), public: true },
  { name: "status-embed", at: () => "/status/embed", public: true },
  { name: "status-nowhere", at: () => "/status/nowhere", public: true, status: 404 },
  { name: "subscribe", at: () => "/status/subscribe", public: true },
  { name: "subscribe-confirm", at: (found) => found.confirm, public: true },
  { name: "subscribe-manage", at: (found) => found.manage, public: true },
  { name: "unsubscribe", at: (found) => found.manage.replace("subscriptions", "unsubscribe"), public: true },
  { name: "acknowledge", at: (found) => found.acknowledge, public: true },
  { name: "acknowledge-wrong", at: () => "/ack/nothing", public: true, status: 404 },
  { name: "signin-error", at: () => "/signin?token=used", public: true, status: 403 },
];

let found: Found;

test.beforeAll(async ({ house }) => {
  test.setTimeout(240_000);
  found = await fill(house);
});

/** A night with something in every list: services that are down, an incident with a run, one that is over. */
async function fill(house: House): Promise<Found> {
  const token = await house.token("Jane Doe", "commander");
  await house.break("db");
  const declare = (title: string, severity: string, affected: string[]) =>
    house.api<{ number: string }>(token, "/incidents", { title, severity, affected, kind: "real" });
  const past = await declare("Reports arrive late", "SEV3", ["report-export"]);
  await house.api(token, `/incidents/${past.number}/resolve`, { message: "The export caught up." });

  const open = await declare("Orders fail", "SEV1", ["orders-api", "manufacturing-database"]);
  const at = `/incidents/${open.number}`;
  await house.api(token, `${at}/roles`, { action: "assign", role: "incident_commander", person: "Jane Doe" });
  await house.api(token, `${at}/notes`, { text: "The primary does not answer since the kernel update." });
  await house.api(token, `${at}/tasks`, { title: "Call the shop floor", owner: "Bob Wilson", minutes: 10 });
  const run = await house.api<{ id: string }>(token, "/runbooks/database-recovery/runs", { incident: open.number });
  const status = async () => (await house.api<{ status: string }>(token, `/runs/${run.id}`)).status;
  await expect.poll(status, { timeout: 120_000 }).toBe("completed");
  await house.api(token, `${at}/updates`, { phase: "monitoring", message: "Orders work again. We are watching." });
  // Now the app dies too, and stays dead: the board stands still in this state.
  await house.break("app");
  const health = async () => {
    const { services } = await house.api<{ services: { id: string; health: string }[] }>(token, "/board");
    return Object.fromEntries(services.map((service) => [service.id, service.health]));
  };
  await expect.poll(health, { timeout: 60_000 }).toMatchObject({ "orders-api": "major_outage", "web-front": "major_outage" });
  // One window goes on, one is to come, and a third one is being thought about.
  const soon = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
  const window = (title: string, services: string[], times: object) => house.api(token, "/maintenance", { title, services, public: true, ...times });
  await window("New version of the export", ["report-export"], { until: soon(90) });
  await window("The replica gets new disks", ["database-replica"], { from: soon(600), until: soon(720), message: "No interruption is expected." });
  const draft = new URLSearchParams({
    title: "The database gets new disks",
    message: "Orders can be read but not placed.",
    from: soon(1_500).slice(0, 16),
    until: soon(1_560).slice(0, 16),
    zone: "UTC",
    public: "on",
  });
  for (const service of ["manufacturing-database", "database-replica"]) draft.append("services", service);
  const outside = new Outside(house);
  const [mail] = await outside.received("smtp", "cto@sentia.com");
  const asked = async (address: string) => {
    await post(house, "/status/subscribe", { way: "email", address });
    const [question] = await outside.received("smtp", address);
    return new URL(/http:\S+\/status\/subscriptions\/[\w.-]+/.exec(question.text)![0]).pathname;
  };
  const confirm = await asked("ada@example.org");
  const confirmed = await post(house, await asked("grace@example.org"), {});
  const manage = new URL(confirmed.headers.get("location")!, house.url).pathname;
  return { confirm, manage, incident: open.number, run: run.id, draft: `/maintenance?${draft}`, acknowledge: new URL(link(mail)).pathname };
}

/** What a form without a script sends. */
async function post(house: House, path: string, fields: Record<string, string>): Promise<Response> {
  const answer = await fetch(house.url + path, { method: "POST", redirect: "manual", body: new URLSearchParams(fields) });
  expect(answer.status, await answer.clone().text()).toBeLessThan(400);
  return answer;
}

/** The page as lines: elements, attributes and texts. Not the instants, which the browser puts in the reader's zone. */
const SHAPE = `(root) => {
  const lines = [];
  const walk = (node, depth) => {
    const indent = " ".repeat(depth);
    let text = "";
    const flush = () => { if (text.trim()) lines.push(indent + JSON.stringify(text)); text = ""; };
    for (const child of node.childNodes) {
      if (child.nodeType === 3) text += child.data;
      if (child.nodeType !== 1 || child.matches("script")) continue;
      flush();
      const attributes = [...child.attributes].filter((a) => a.name !== "nonce").map((a) => a.name + "=" + JSON.stringify(a.value)).sort();
      lines.push(indent + "<" + [child.localName, ...attributes].join(" ") + ">");
      if (!child.matches("time, [data-zone]")) walk(child, depth + 1);
    }
    flush();
  };
  walk(root, 0);
  return lines;
}`;

/** Remembers the page as it is the moment it was taken over, before a clock has moved. */
const REMEMBER = `new MutationObserver((_, observer) => {
  if (!document.documentElement?.classList.contains("scripted")) return;
  observer.disconnect();
  window.takenOverAs = (${SHAPE})(document.body);
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["class"] })`;

async function expectSameAsServed(page: Page, html: string): Promise<void> {
  await takenOver(page);
  const taken = await page.evaluate<string[]>("window.takenOverAs");
  const served = await page.evaluate<string[]>(`(${SHAPE})(new DOMParser().parseFromString(${JSON.stringify(html)}, "text/html").body)`);
  expect.soft(taken, "what the browser took over is what the server sent").toEqual(served);
}

for (const place of PLACES) {
  test(`the screen ${place.name}`, async ({ complaints, visit }, info) => {
    if (place.status) complaints.allow(new RegExp(`status of ${place.status}`));
    const page = await visit({ name: place.public ? undefined : "Alice Brown" });
    await page.addInitScript(REMEMBER);
    const answer = await page.goto(place.at(found));
    expect(answer?.status()).toBe(place.status ?? 200);
    const served = (await answer?.text()) ?? "";
    if (!place.public) await expectSameAsServed(page, served);
    if (place.public) expect.soft(await faults(served), "what the validator found").toEqual([]);

    await expectGoodLooks(page, info, "", place.public ? [[320, 640], ...SIZES] : SIZES);
  });
}
