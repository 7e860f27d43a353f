// Failed over by nobody, and back on two persons' word: followed on the failover's own page, which is never loaded again
// by its reader.
import { expectMeasured, order, outage } from "./story.js";
import { expect, takenOver, test } from "./test.js";

test.use({ stage: "failover", automatic: true });

test("a lost primary is failed over by itself and failed back by hand", async ({ house, visit }) => {
  const token = await house.token("a reader", "viewer");
  const page = await visit({ name: "Jane Doe" });
  await page.goto("/failover/manufacturing-database");
  await takenOver(page);
  const stands = (words: string) => expect(page.locator("div.head")).toContainText(words, { timeout: 90_000 });
  await stands("The primary serves");
  const guard = (name: string) => page.locator("li").filter({ hasText: name });
  for (const name of ["Everything was looked at", "The replica can take over", "The replica is not too far behind"]) {
    await expect(guard(name)).toContainText("Holds", { timeout: 60_000 });
  }
  await order(house.app, "before-the-failover");
  await page.evaluate("window.notReloaded = true");

  const outside = outage(house.app);
  const broken = await house.break("db");
  await stands("The secondary serves");
  console.log(`  failed over ${Date.now() - broken} ms after the database died`);
  await expect(page.locator("[data-place=monitor]")).toHaveAttribute("aria-current", "step");
  expect(await page.evaluate("window.notReloaded"), "the page was never loaded again").toBe(true);
  const seen = await outside;
  await order(house.app, "after-the-failover");

  // The incident declared itself, and tells where the time went.
  const { incident } = await house.api<{ incident: string }>(token, "/failovers/manufacturing-database");
  const recovery = await expectMeasured(house, token, incident, seen);
  const detected = recovery.detected / 1000 - broken;
  console.log(`  detected ${detected.toFixed(0)} ms after the database died`);
  expect(detected, "ms until it was detected").toBeLessThanOrEqual(17_000);
  const tab = await page.context().newPage();
  await tab.goto(`/incidents/${incident}`);
  await expect(tab.locator("#clocks .account .parts li")).toHaveText([/^Detect/, /^Decide/, /^Act/, /^Settle/]);
  await expect(tab.locator("#clocks .account")).toContainText("RTO 1 h met");
  await tab.close();

  // Back, on the same page: planned, begun with the target's name, approved by somebody else.
  await page.getByLabel("Why").first().fill("The host was replaced");
  await page.getByRole("button", { name: "Plan the failback" }).click();
  await expect(page.getByRole("button", { name: "Fail back to the primary" })).toBeEnabled({ timeout: 30_000 });
  await page.getByLabel("Type db:primary to start").fill("db:primary");
  await page.getByRole("button", { name: "Fail back to the primary" }).click();
  const now = async () => house.api<{ state: string; run: string }>(token, "/failovers/manufacturing-database");
  await expect.poll(async () => (await now()).state).toBe("failing_back");
  const second = await visit({ name: "Bob Wilson" });
  await second.goto(`/runs/${(await now()).run}`);
  await second.getByRole("button", { name: /^Approve/ }).first().click();
  await expect.poll(async () => (await now()).state, { timeout: 120_000 }).toBe("watching");
  await stands("The primary serves");
  await order(house.app, "after-the-failback");
});
