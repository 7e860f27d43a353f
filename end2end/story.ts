// What people do in a story, whether scripting is on or off. Everything is found by what it says.
import type { House } from "./house.js";
import { expect, type Locator, type Page } from "./test.js";

/** Counts what a person has to fill in. */
export class Fields {
  count = 0;

  async type(field: Locator, text: string): Promise<void> {
    this.count += 1;
    await field.fill(text);
  }

  async choose(choice: Locator): Promise<void> {
    this.count += 1;
    await choice.check();
  }
}

export function tile(page: Page, service: string): Locator {
  return page.locator("a.tile").filter({ has: page.getByText(service, { exact: true }) });
}

/** The severity's radio button of a form. */
export function severity(form: Locator, id: string): Locator {
  return form.getByRole("radio", { name: new RegExp(`^${id}`) });
}

/** Declares what the board suggests, and returns the number. */
export async function declare(page: Page, title: string, fields: Fields): Promise<string> {
  await page.getByRole("link", { name: /^Declare an incident/ }).click();
  await fields.type(page.getByLabel("What is happening?"), title);
  await fields.choose(severity(page.locator("form"), "SEV1"));
  await page.getByRole("button", { name: "Declare the incident" }).click();
  await expect(page).toHaveURL(/\/incidents\/INC-\d{4}-\d{3,}$/);
  return new URL(page.url()).pathname.split("/").pop() ?? "";
}

function role(page: Page, name: string): Locator {
  return page.locator(".role").filter({ hasText: name });
}

export async function assign(page: Page, what: string, person: string): Promise<void> {
  const card = role(page, what);
  await card.getByText(/^(Assign|Hand over)$/).click();
  await card.getByLabel("Who?").fill(person);
  await card.getByRole("button", { name: "Assign now" }).click();
}

export function holds(page: Page, what: string, person: string): Locator {
  return role(page, what).getByText(person, { exact: true });
}

/** Presses a runbook's button. What follows is the run's page. */
export async function press(page: Page, runbook: string): Promise<string> {
  await page.locator(".launches").getByRole("button", { name: new RegExp(`^${runbook}`) }).click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]+$/);
  return new URL(page.url()).pathname.split("/").pop() ?? "";
}

type Part = "Note" | "Public update" | "Task";

function panel(page: Page, part: Part): Locator {
  return page.locator(`[data-panel=${{ Note: "note", "Public update": "update", Task: "task" }[part]}]`);
}

/** Opens one part of the composer. */
export async function write(page: Page, part: Part): Promise<Locator> {
  await page.locator("#composer .tabs label").filter({ hasText: part }).click();
  await expect(panel(page, part)).toBeVisible();
  return panel(page, part);
}

export async function note(page: Page, text: string): Promise<void> {
  const form = await write(page, "Note");
  await form.getByLabel("Note for the timeline").fill(text);
  await form.getByRole("button", { name: "Add the note" }).click();
}

export async function publish(page: Page, phase: string, message: string): Promise<void> {
  const form = await write(page, "Public update");
  await form.getByRole("radio", { name: phase }).check();
  await form.getByLabel("What should customers know?").fill(message);
  await form.getByRole("button", { name: "Publish the update" }).click();
}

export async function addTask(page: Page, title: string, owner: string, minutes: number): Promise<void> {
  const form = await write(page, "Task");
  await form.getByLabel("Task", { exact: true }).fill(title);
  await form.getByLabel("Owner").fill(owner);
  await form.getByLabel("Minutes").fill(String(minutes));
  await form.getByRole("button", { name: "Add the task" }).click();
}

export function task(page: Page, title: string): Locator {
  return page.locator("ol.tasks > li").filter({ hasText: title });
}

export function tick(page: Page, item: string): Locator {
  return page.locator("ol.ticks").getByRole("button", { name: item });
}

export function line(page: Page, text: string | RegExp): Locator {
  return page.locator("#timeline > li").filter({ hasText: text });
}

export async function resolve(page: Page, number: string, message: string): Promise<void> {
  const menu = page.locator("details[data-menu=resolve]");
  await menu.locator("summary").click();
  await menu.getByLabel("What should customers know?").fill(message);
  await menu.getByRole("button", { name: `Resolve ${number}` }).click();
}

export function step(page: Page, name: string): Locator {
  return page.locator("ol.steps > li").filter({ has: page.locator(".name", { hasText: new RegExp(`^${name}$`) }) });
}

/** Database Recovery as it has to end with the primary dead: by failing over. */
export async function expectFailover(page: Page): Promise<void> {
  await expect(step(page, "Initial Assessment")).toContainText("Succeeded");
  await expect(step(page, "Attempt Reconnection")).toContainText("Failed");
  await expect(step(page, "Attempt Reconnection").locator(".tries > a")).toHaveCount(4);
  await expect(step(page, "Failover to Replica")).toContainText("Succeeded");
  await expect(step(page, "Failover to Replica")).toContainText("reconnection_failed");
  await expect(step(page, "Restore from Backup")).toContainText("Skipped");
  await expect(step(page, "Restore from Backup")).toContainText("replica_unavailable");
  await expect(step(page, "Post-Recovery")).toContainText("Succeeded");
}

interface Order {
  id: number | string;
  sku: string;
  quantity: number;
}

/** Places an order as a customer does, and reads it back. */
export async function order(app: string, sku: string): Promise<Order> {
  const headers = { "content-type": "application/json" };
  const placed = await fetch(`${app}/orders`, { method: "POST", headers, body: JSON.stringify({ sku, quantity: 7 }) });
  expect(placed.status, await placed.clone().text()).toBe(201);
  const { id } = (await placed.json()) as Order;
  const read = await fetch(`${app}/orders/${id}`);
  expect(read.status).toBe(200);
  const found = (await read.json()) as Order;
  expect(found).toMatchObject({ id, sku, quantity: 7 });
  return found;
}

/** How often the platform is looked at from outside. */
const STEP = 250;

/** Looks at the platform as a customer would, beside Muster, until it was away and is back: from when to when, in ms. */
export async function outage(app: string): Promise<{ lost: number; back: number }> {
  const looks = async () => {
    const body = JSON.stringify({ sku: "outside", quantity: 1 });
    const request = { method: "POST", headers: { "content-type": "application/json" }, body, signal: AbortSignal.timeout(2000) };
    return fetch(`${app}/orders`, request).then((answer) => answer.ok, () => false);
  };
  let lost = 0;
  for (;;) {
    const at = Date.now();
    const well = await looks();
    if (!well && lost === 0) lost = at;
    if (well && lost > 0) return { lost, back: at };
    await new Promise((next) => setTimeout(next, STEP));
  }
}

/** How long service was away, as Muster measured it; times in microseconds since 1970 and lengths in seconds. */
export interface Recovery {
  detected: number;
  took_s: number;
  error_s: number;
  parts: { detect_s: number; decide_s: number; act_s: number; settle_s: number };
}

/** What Muster measured once service is back, which is to be what somebody outside saw, within the checks' interval. */
export async function expectMeasured(house: House, token: string, number: string, seen: { lost: number; back: number }): Promise<Recovery> {
  const measured = async () => {
    const { recovery } = await house.api<{ recovery: Recovery | null }>(token, `/incidents/${number}/recovery`);
    return recovery?.parts ? recovery : null;
  };
  await expect.poll(measured, { timeout: 30_000 }).not.toBeNull();
  const recovery = (await measured()) as Recovery;
  const outside = (seen.back - seen.lost) / 1000;
  console.log(`  service was away ${recovery.took_s.toFixed(1)} s ± ${recovery.error_s} s, seen from outside ${outside.toFixed(1)} s`);
  expect(Math.abs(recovery.took_s - outside), "seconds between inside and outside").toBeLessThanOrEqual(recovery.error_s + 2 * STEP / 1000);
  const { detect_s, decide_s, act_s, settle_s } = recovery.parts;
  expect(detect_s + decide_s + act_s + settle_s).toBeCloseTo(recovery.took_s, 3);
  return recovery;
}
