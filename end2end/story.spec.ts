// The whole path, live: two people in two browsers and the public in a third, a real outage and a real recovery.
import { addTask, assign, declare, expectFailover, expectMeasured, Fields, holds, line, note, order, outage, press, publish, resolve, task, tick, tile } from "./story.js";
import { expect, type Page, takenOver, test } from "./test.js";

test.use({ stage: "story" });

/** The instant each line of the timeline appeared, by its number, in the browser's own clock. */
type Seen = Record<string, number>;

/** Writes down when each line appears. What stood there from the start is told as 0. */
const WATCH = `(() => {
  window.seen = {};
  const look = (at) => {
    for (const pin of document.querySelectorAll("#timeline > li button.pin")) window.seen[pin.value] ??= at;
  };
  look(0);
  new MutationObserver(() => look(Date.now())).observe(document.body, { subtree: true, childList: true });
})()`;

function seen(page: Page): Promise<Seen> {
  return page.evaluate<Seen>("window.seen");
}

/** Writes down what the incident's page shows of a run's output while it goes on. */
const WATCH_OUTPUT = `(() => {
  window.tails = "";
  const look = () => { window.tails += document.querySelector("[data-tail]")?.textContent ?? ""; };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
})()`;

/** A mark that a reload would wipe away. */
const MARK = `window.notReloaded = true`;

async function expectNotReloaded(page: Page): Promise<void> {
  expect(await page.evaluate("window.notReloaded"), "the page was never loaded again").toBe(true);
}

interface Stamped {
  seq: number;
  /** Microseconds since 1970. */
  at: number;
  event: string;
  actor: { name: string };
  step?: number;
  because?: string;
}

test("the whole path, live", async ({ house, visit }) => {
  const started = Date.now();
  const commander = await visit({ name: "Commander", link: house.link });
  await takenOver(commander);
  await expect(tile(commander, "Orders API")).toContainText("Operational", { timeout: 10_000 });
  await expect(tile(commander, "Manufacturing database")).toContainText("Operational", { timeout: 10_000 });
  console.log(`  the board knew the services' states ${Date.now() - started} ms after the sign-in`);
  await commander.evaluate(MARK);

  const second = await visit({ name: "Bob Wilson" });
  await takenOver(second);
  await second.evaluate(MARK);
  const visitor = await visit({ script: false });

  // It breaks, and both boards say so by themselves.
  const red = (page: Page) => expect(tile(page, "Manufacturing database")).toHaveClass(/is-bad/, { timeout: 17_000 });
  const outside = outage(house.app);
  const broken = await house.break("db");
  await Promise.all([red(commander), red(second)]);
  console.log(`  both boards were red ${Date.now() - broken} ms after the database died`);
  await expectNotReloaded(commander);

  const fields = new Fields();
  const number = await declare(commander, "Orders fail", fields);
  expect(fields.count, "fields to declare").toBeLessThanOrEqual(3);
  await takenOver(commander);
  await commander.evaluate(WATCH);

  // The second browser reads of it on its board, and follows.
  await expect(second.getByRole("link", { name: `${number} Orders fail` })).toBeVisible();
  await expectNotReloaded(second);
  await second.getByRole("link", { name: `${number} Orders fail` }).click();
  await takenOver(second);
  await second.evaluate(WATCH);
  await second.evaluate(MARK);

  await assign(commander, "Incident Commander", "Jane Doe");
  await expect(holds(commander, "Incident Commander", "Jane Doe")).toBeVisible();
  await expect(holds(second, "Incident Commander", "Jane Doe")).toBeVisible();
  await note(commander, "The primary does not answer.");
  await expect(line(second, "The primary does not answer.")).toBeVisible();

  // The button is pressed in a tab of its own: the incident stays in sight.
  const room = commander;
  const tab = await commander.context().newPage();
  await tab.goto(`/incidents/${number}`);
  await takenOver(tab);
  await room.evaluate(WATCH_OUTPUT);
  const pressed = Date.now();
  const run = await press(tab, "Database Recovery");
  await takenOver(tab);
  await tab.evaluate(MARK);
  await expect(tab.locator(".head").getByText("Completed", { exact: true })).toBeVisible({ timeout: 120_000 });
  console.log(`  the run was completed ${Date.now() - pressed} ms after the button`);
  await expectFailover(tab);
  await expect(tab.locator("#output-title")).toContainText("Post-Recovery");
  await expect(tab.locator("#output")).toContainText("npm run alert:send-report");
  // Of a step that is over in a moment the next one's output may take the place at once; this one takes its time.
  expect(await room.evaluate("window.tails"), "output as it came, on the incident's page").toContain("npm run db:reconnect");
  await expectNotReloaded(tab);
  await tab.close();

  // Service is proven by an order, not claimed.
  await order(house.app, "after-the-failover");
  console.log(`  an order was written and read back ${Date.now() - broken} ms after the database died`);

  // How long that took was measured, from the first failed look; somebody outside measured it too.
  const reader = await house.token("an auditor", "viewer");
  await expectMeasured(house, reader, number, await outside);
  await expect(room.locator("#clocks .account"), "the page tells it without being loaded again").toContainText("Recovery took");

  await addTask(room, "Call the shop floor", "Bob Wilson", 10);
  await expect(task(second, "Call the shop floor")).toContainText("not accepted yet");
  await task(second, "Call the shop floor").getByRole("button", { name: "Accept" }).click();
  await task(second, "Call the shop floor").getByRole("button", { name: "Finish" }).click();
  await expect(task(room, "Call the shop floor")).toContainText("finished");
  await tick(room, "Assess situation severity").click();
  await expect(tick(second, "Assess situation severity")).toHaveAttribute("aria-pressed", "true");
  await line(room, "The primary does not answer.").getByRole("button", { name: "Pin this line" }).click();
  await expect(second.locator(".pins")).toContainText("The primary does not answer.");

  await publish(room, "Monitoring", "Orders work again. We are watching.");
  await expect(line(second, "Public update: Monitoring")).toBeVisible();
  const told = async (text: string) => {
    await visitor.goto("/status");
    return visitor.getByText(text).first().isVisible();
  };
  await expect.poll(() => told("Orders work again. We are watching.")).toBe(true);
  await expect(visitor.getByRole("heading", { name: "Orders fail" }).first()).toBeVisible();
  // The services count as recovered after two good looks each, which may still be to come.
  await expect.poll(() => told("Recovering: Orders fail"), { timeout: 30_000 }).toBe(true);

  await resolve(room, number, "The replica took over. No order was lost.");
  await expect(room.locator(".about")).toContainText("Resolved");
  await expect(second.locator(".about")).toContainText("Resolved");
  await expect.poll(() => told("The replica took over. No order was lost.")).toBe(true);
  await expect(visitor.locator(".banner")).not.toContainText("Orders fail");
  await visitor.getByRole("region", { name: "Past incidents" }).getByRole("link", { name: "Orders fail" }).click();
  await expect(visitor.locator("#incident .updates > li > b")).toContainText(["Resolved", "Monitoring"]);

  // Everything that one browser saw, the other saw within a second, and neither was loaded again.
  await expectNotReloaded(second);
  await expect.poll(async () => Object.keys(await seen(second)).sort()).toEqual(Object.keys(await seen(room)).sort());
  const [here, there] = [await seen(room), await seen(second)];
  const lags = Object.keys(here)
    .filter((seq) => here[seq] > 0 && there[seq] > 0)
    .map((seq) => Math.abs(here[seq] - there[seq]));
  expect(lags.length, "lines that both saw appear").toBeGreaterThan(20);
  console.log(`  ${lags.length} lines, the largest lag between the two browsers ${Math.max(...lags)} ms`);
  expect(Math.max(...lags), "the largest lag, ms").toBeLessThanOrEqual(1000);

  // The timeline holds every step, with who and when: on the page and for programs.
  const token = await house.token("a reader", "viewer");
  const { events } = await house.api<{ events: Stamped[] }>(token, `/incidents/${number}/timeline?limit=1000`);
  expect(events.every((event) => event.actor.name !== "" && event.at > 0)).toBe(true);
  expect(events.map((event) => event.seq)).toEqual([...events.map((event) => event.seq)].sort((a, b) => a - b));
  const kinds = (kind: string) => events.filter((event) => event.event === kind);
  for (const kind of ["incident_declared", "role_assigned", "run_started", "run_ended", "task_added", "task_accepted", "task_finished", "ticked", "pinned", "note_added", "incident_resolved"]) {
    expect(kinds(kind), kind).toHaveLength(1);
  }
  // The report that the recovery gave of itself to those who work on it, and what a person told everybody.
  expect(kinds("update_posted").map((event) => [event.actor.name, event.public])).toEqual([
    ["Database Recovery", false],
    ["Commander", true],
  ]);
  expect(kinds("step_started").map((event) => event.step)).toEqual([0, 1, 2, 4]);
  expect(kinds("step_skipped").map((event) => event.step)).toEqual([3]);
  expect(kinds("attempt_ended").map((event) => event.step)).toEqual([0, 1, 1, 1, 1, 2, 4]);
  expect(kinds("task_accepted")[0].actor.name).toBe("Bob Wilson");
  for (const name of ["Initial Assessment", "Attempt Reconnection", "Failover to Replica", "Restore from Backup", "Post-Recovery"]) {
    const first = line(room, name).last();
    await expect(first.locator("time")).toHaveAttribute("datetime", /^\d{4}-\d\d-\d\dT/);
    await expect(first.locator(".who")).not.toBeEmpty();
  }
  expect((await house.api<{ status: string }>(token, `/runs/${run}`)).status).toBe("completed");
});
