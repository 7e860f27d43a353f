// The whole path with scripting off: every page is read anew, every act is a plain form.
import { addTask, assign, declare, expectFailover, Fields, holds, line, note, order, press, publish, resolve, severity, task, tick, tile } from "./story.js";
import { expect, type Locator, type Page, test } from "./test.js";

test.use({ stage: "plain", database: "postgres" });

/** Reads the page anew until it shows what is waited for. */
async function read(page: Page, what: Locator, within = 30_000): Promise<void> {
  const seen = async () => {
    await page.reload();
    return what.first().isVisible();
  };
  await expect.poll(seen, { timeout: within, intervals: [250] }).toBe(true);
}

test("the whole path, with scripting off", async ({ house, visit }) => {
  const page = await visit({ name: "Commander", link: house.link, script: false });
  await read(page, tile(page, "Orders API").getByText("Operational"));
  const broken = await house.break("db");
  await read(page, page.locator("a.tile.is-bad").filter({ hasText: "Manufacturing database" }));
  console.log(`  plain: detected after ${Date.now() - broken} ms`);

  const fields = new Fields();
  const number = await declare(page, "Orders fail", fields);
  expect(fields.count).toBeLessThanOrEqual(3);
  await expect(page.getByRole("heading", { name: "Orders fail", exact: true })).toBeVisible();

  await assign(page, "Incident Commander", "Jane Doe");
  await expect(holds(page, "Incident Commander", "Jane Doe")).toBeVisible();
  await note(page, "The primary does not answer.");
  await expect(line(page, "The primary does not answer.")).toBeVisible();

  const pressed = Date.now();
  await press(page, "Database Recovery");
  await read(page, page.locator(".head").getByText("Completed", { exact: true }), 120_000);
  console.log(`  plain: recovered ${Date.now() - pressed} ms after the button`);
  await expectFailover(page);
  await page.getByRole("link", { name: /^attempt 4/ }).click();
  await expect(page.locator("#output")).not.toBeEmpty();
  await order(house.app, "after-the-failover");

  await page.getByRole("link", { name: number }).first().click();
  await addTask(page, "Call the shop floor", "Bob Wilson", 10);
  await task(page, "Call the shop floor").getByRole("button", { name: "Accept" }).click();
  await task(page, "Call the shop floor").getByRole("button", { name: "Finish" }).click();
  await expect(task(page, "Call the shop floor")).toContainText("finished");
  await tick(page, "Assess situation severity").click();
  await expect(tick(page, "Assess situation severity")).toHaveAttribute("aria-pressed", "true");
  await line(page, "The primary does not answer.").getByRole("button", { name: "Pin this line" }).click();
  await expect(page.locator(".pins")).toContainText("The primary does not answer.");
  await page.locator(".pins").getByRole("button", { name: "Unpin" }).click();
  await expect(page.locator(".pins")).toBeHidden();

  await publish(page, "Monitoring", "Orders work again. We are watching.");
  const visitor = await visit({ script: false });
  await visitor.goto("/status");
  await read(visitor, visitor.getByText("Orders work again. We are watching."));
  await expect(visitor.getByRole("heading", { name: "Orders fail" }).first()).toBeVisible();

  await resolve(page, number, "The replica took over. No order was lost.");
  await expect(page.locator(".about")).toContainText("Resolved");
  await read(visitor, visitor.getByText("The replica took over. No order was lost."));
  await expect(visitor.getByRole("region", { name: "Past incidents" })).toContainText("Resolved");

  // The timeline holds every step, with who did it and when.
  for (const name of ["Initial Assessment", "Attempt Reconnection", "Failover to Replica", "Restore from Backup", "Post-Recovery"]) {
    const first = line(page, name).last();
    await expect(first.locator("time")).toHaveAttribute("datetime", /^\d{4}-\d\d-\d\dT/);
    await expect(first.locator(".who")).not.toBeEmpty();
  }
});

test("a refused form keeps what was typed", async ({ complaints, visit }) => {
  complaints.allow(/status of 422/);
  const page = await visit({ name: "Commander", script: false });
  await page.goto("/incidents/new");
  // What the browser itself would stop is taken away, so that the server is the one that refuses.
  const title = page.getByLabel("What is happening?");
  await title.fill("Two things at once");
  await severity(page.locator("form"), "SEV2").check();
  await page.getByRole("checkbox", { name: /^Wiki/ }).check();
  await page.getByText(/^More:/).click();
  await page.getByRole("radio", { name: /^Backfilled/ }).check();
  await page.getByLabel(/^When it happened/).fill("yesterday at noon");
  await page.getByRole("button", { name: "Declare the incident" }).click();

  const why = page.locator("[data-why=occurred_at]");
  await expect(why).toContainText("2026-11-22T14:02");
  await expect(title).toHaveValue("Two things at once");
  await expect(severity(page.locator("form"), "SEV2")).toBeChecked();
  await expect(page.getByRole("checkbox", { name: /^Wiki/ })).toBeChecked();
  await expect(page.getByRole("radio", { name: /^Backfilled/ })).toBeChecked();
  await expect(page.getByLabel(/^When it happened/)).toHaveValue("yesterday at noon");
  await expect(page.getByLabel(/^When it happened/)).toHaveAttribute("aria-invalid", "true");

  // Corrected, it goes through, and what it shows is what was typed.
  await page.getByLabel(/^When it happened/).fill("2026-01-05T12:00");
  await page.getByRole("button", { name: "Declare the incident" }).click();
  await expect(page).toHaveURL(/\/incidents\/INC-\d{4}-\d{3,}$/);
  await expect(page.getByRole("heading", { name: "Two things at once" })).toBeVisible();
});
