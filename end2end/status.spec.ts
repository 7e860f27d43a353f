// What the public has in its hands: the strip of days by keyboard, a page that keeps itself true without moving anything, its
// language and its time zone, and the same page opened from a folder.
import { expect, type House, type Page, test } from "./test.js";

test.use({ stage: "status" });

let token: string;
let incident: string;

test.beforeAll(async ({ house }) => {
  token = await house.token("Jane Doe", "commander");
  const declared = await house.api<{ number: string }>(token, "/incidents", { title: "Orders fail", severity: "SEV1", affected: ["orders-api"], kind: "real" });
  incident = declared.number;
  await said(house, "identified", "A disk is full.");
  const begins = Date.now() + 86_400_000;
  const window = {
    title: "A larger disk",
    message: "Reports are read-only for an hour.",
    services: ["report-export"],
    from: new Date(begins).toISOString(),
    until: new Date(begins + 3_600_000).toISOString(),
    public: true,
  };
  await house.api(token, "/maintenance", window);
});

async function said(house: House, phase: string, message: string): Promise<void> {
  await house.api(token, `/incidents/${incident}/updates`, { phase, message });
}

/** A visitor of the public page, once it tells of this. */
async function reader(page: Page, text: string): Promise<void> {
  await expect(async () => {
    await page.goto("/status");
    await expect(page.getByText(text).first()).toBeVisible({ timeout: 500 });
  }).toPass();
}

test("the strip of days is one stop of the Tab key, and each day has a name", async ({ visit }) => {
  const page = await visit({});
  await reader(page, "A disk is full.");
  const strips = page.getByRole("slider");
  const count = await strips.count();
  expect(count).toBeGreaterThan(2);
  const first = strips.first();
  await first.focus();
  const day = () => first.getAttribute("aria-valuetext");
  const date = (ago: number) => new Date(Date.now() - ago * 86_400_000).toLocaleDateString("en-GB", { dateStyle: "medium", timeZone: "UTC" });
  for (const [key, ago] of [
    ["End", 0],
    ["ArrowLeft", 1],
    ["ArrowLeft", 2],
    ["PageDown", 9],
    ["PageUp", 2],
    ["ArrowRight", 1],
    ["Home", 89],
    ["ArrowLeft", 89],
    ["End", 0],
    ["ArrowRight", 0],
  ] as const) {
    await page.keyboard.press(key);
    expect(await day(), key).toContain(`${date(ago)}: `);
    // What is said is also seen.
    await expect(page.locator(".day").first()).toHaveText((await day()) ?? "");
  }
  expect(await first.getAttribute("aria-label")).toContain("Orders");
  // One stop each: the next one is the next strip, or the list of its bad days.
  await page.keyboard.press("Tab");
  const next = await page.evaluate("document.activeElement.closest('li').querySelector('h3').textContent + ' ' + document.activeElement.localName");
  expect(next).not.toBe("Orders div");
  await expect(page.locator(".day").first()).toHaveText("90 days ago");
});

test("a posted update is there within seconds, and nothing moves under the reader", async ({ house, visit }) => {
  const page = await visit({});
  await reader(page, "A disk is full.");
  const strip = page.getByRole("slider").nth(1);
  await strip.focus();
  await page.keyboard.press("Home");
  const name = await strip.getAttribute("aria-valuetext");
  await page.evaluate("window.kept = document.activeElement; window.shifts = 0; new PerformanceObserver((l) => l.getEntries().forEach((e) => { window.shifts += e.value })).observe({ type: 'layout-shift' })");
  await said(house, "monitoring", "There is room again. We are watching.");
  await expect(page.getByText("There is room again. We are watching.")).toBeVisible({ timeout: 10_000 });
  await expect(page.getByRole("status").first()).toContainText("Recovering: Orders fail");
  expect(await page.evaluate("document.activeElement?.getAttribute('role')")).toBe("slider");
  expect(await page.evaluate("document.activeElement?.getAttribute('aria-valuetext')")).toBe(name);
});

test("times are the reader's own, or UTC, as the reader likes", async ({ visit }) => {
  const page = await visit({});
  await page.emulateMedia({ colorScheme: "light" });
  await reader(page, "A disk is full.");
  const time = page.locator("#open time").first();
  const utc = new Date((await time.getAttribute("datetime")) ?? "").toISOString();
  await page.getByRole("button", { name: "Show UTC" }).click();
  await expect(time).toHaveText(`${utc.slice(0, 10)} ${utc.slice(11, 16)} UTC`);
  // It is remembered, without a cookie.
  await page.reload();
  await expect(time).toHaveText(/UTC$/);
  expect(await page.context().cookies()).toEqual([]);
  await page.getByRole("button", { name: "Show my time zone" }).click();
  await expect(time).not.toHaveText(/UTC$/);
});

test("the language follows the reader from page to page", async ({ visit }) => {
  const page = await visit({});
  await reader(page, "A disk is full.");
  await page.getByRole("link", { name: "Deutsch" }).click();
  await expect(page.getByRole("heading", { name: "Geplante Wartung" })).toBeVisible();
  await page.getByRole("link", { name: "Orders fail" }).first().click();
  await expect(page).toHaveURL(new RegExp(`/status/incidents/${incident}\\?lang=de`));
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  await page.getByRole("link", { name: "Jetziger Stand" }).click();
  await page.getByRole("link", { name: "A larger disk" }).click();
  await expect(page.getByText("Reports are read-only for an hour.")).toBeVisible();
  await page.getByRole("link", { name: "Français" }).click();
  await expect(page.getByText("Prévue").first()).toBeVisible();
});

test("without a script everything is there", async ({ visit }) => {
  const page = await visit({ script: false });
  await reader(page, "A disk is full.");
  await expect(page.getByText("Next update by")).toBeVisible();
  await expect(page.getByRole("img", { name: /^Orders: / })).toBeVisible();
  await expect(page.getByText("Times are in UTC.")).toBeVisible();
  await page.getByRole("link", { name: "Incident history" }).click();
  await expect(page.getByRole("heading", { name: "Orders fail" })).toBeVisible();
});

/** The page as it is read: its words in their order, without instants, and without what takes a server. */
const READ = `[...document.querySelectorAll("body > header, main, footer")].map((part) => {
  const copy = part.cloneNode(true);
  for (const part of copy.querySelectorAll("time, a[href*='/status/subscribe']")) part.remove();
  return copy.textContent.replace(/\\s+/g, " ").trim();
})`;

test("the mirror opened from a disk is the same page", async ({ browser, house, visit }) => {
  const served = await visit({});
  await reader(served, "A disk is full.");
  // No server, no network.
  const context = await browser.newContext({ offline: true, timezoneId: "UTC", locale: "en-GB" });
  const asked: string[] = [];
  const wrong: string[] = [];
  context.on("request", (request) => asked.push(request.url()));
  context.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  const page = await context.newPage();
  await expect(async () => {
    await served.goto("/status");
    await page.goto(`file://${house.mirror}/index.html`);
    expect(await page.evaluate(READ)).toEqual(await served.evaluate(READ));
  }).toPass();
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await served.emulateMedia({ colorScheme: scheme });
    const look = "JSON.stringify([...document.querySelectorAll('.banner, .card, .strip path')].map((e) => getComputedStyle(e).backgroundColor + getComputedStyle(e).stroke))";
    expect(await page.evaluate(look)).toBe(await served.evaluate(look));
  }
  // Its links lead from file to file.
  await page.getByRole("link", { name: "Orders fail" }).first().click();
  await expect(page).toHaveURL(new RegExp(`/incidents/${incident}\\.html$`));
  await expect(page.getByText("A disk is full.")).toBeVisible();
  await page.getByRole("link", { name: "Español" }).click();
  await expect(page.locator("html")).toHaveAttribute("lang", "es");
  await page.getByRole("link", { name: "Estado actual" }).click();
  await expect(page.getByRole("heading", { name: "Mantenimiento previsto" })).toBeVisible();
  await page.getByRole("slider").first().focus();
  await page.keyboard.press("Home");
  await expect(page.getByRole("slider").first()).toHaveAttribute("aria-valuenow", "0");
  expect(asked.filter((url) => !url.startsWith("file:"))).toEqual([]);
  expect(wrong).toEqual([]);
  await context.close();
});
