// A million lines: read from both ends and from the middle, searched, linked to, downloaded, and followed while they come.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { at, inSight, LINES, RUNBOOKS, speak, start } from "./log.js";
import { expect, type Locator, type Page, takenOver, test } from "./test.js";

test.use({ stage: "log", runbooks: RUNBOOKS });

let path: string;

test.beforeAll(async ({ house }) => {
  test.setTimeout(300_000);
  path = await speak(house);
});

function log(page: Page): Locator {
  return page.locator("#output");
}

function row(page: Page, line: number): Locator {
  return log(page)
    .locator("p")
    .filter({ has: page.locator(`a[data-n="${line}"]`) });
}

test("a log of a million lines is read at both ends and in the middle", async ({ visit }) => {
  const page = await visit({ name: "Jane Doe" });
  await page.goto(path);
  await expect(row(page, at(LINES))).toHaveText(`line ${LINES} of a long night`);
  await expect(row(page, at(LINES))).toBeInViewport();
  await expect(page.locator("#output.taken")).toBeAttached();

  await log(page).focus();
  await page.keyboard.press("Home");
  await expect(row(page, 2)).toHaveText("plain failed and done near blue");
  await expect(row(page, 2)).toBeInViewport();
  expect(await log(page).locator("p").count(), "rows in the page").toBeLessThan(150);

  await page.getByLabel("Go to line").fill("500000");
  await page.getByLabel("Go to line").press("Enter");
  await expect(row(page, 500_000)).toBeInViewport();
  await expect(row(page, 500_000)).toHaveText(`line ${500_000 - at(1) + 1} of a long night`);
  await expect(row(page, 500_000)).toHaveClass("here");
  expect(page.url()).toMatch(/#L500000$/);

  await row(page, 500_002).locator("a").click();
  expect(page.url()).toMatch(/#L500002$/);
  await expect(row(page, 500_002)).toHaveClass("here");
  const [first] = await inSight(page);
  await log(page).focus();
  await page.keyboard.press("ArrowDown");
  await expect.poll(async () => (await inSight(page))[0] - first).toBeGreaterThan(0);
  expect((await inSight(page))[0] - first).toBeLessThan(5);
  // No key is lost, however quickly they come.
  await page.keyboard.press("PageUp");
  expect((await inSight(page))[0]).toBeLessThan(first - 5);
  await page.keyboard.press("PageDown");
  await page.keyboard.press("PageUp");
  await page.keyboard.press("End");
  await expect(row(page, at(LINES))).toBeInViewport();

  // Every way to the middle shows the lines that are there.
  for (const part of [0.25, 0.5, 0.9]) {
    await log(page).evaluate((box: { scrollTop: number; scrollHeight: number }, part) => {
      box.scrollTop = box.scrollHeight * part;
    }, part);
    await expect.poll(async () => Math.abs((await inSight(page))[0] / LINES - part), `scrolled to ${part}`).toBeLessThan(0.01);
    const [line] = await inSight(page);
    await expect(row(page, line)).toHaveText(`line ${line - at(1) + 1} of a long night`);
  }
});

test("a line has an address", async ({ visit }) => {
  const page = await visit({ name: "Jane Doe" });
  await page.goto(`${path}#L${at(123_456)}`);
  await expect(row(page, at(123_456))).toHaveText("line 123456 of a long night");
  await expect(row(page, at(123_456))).toBeInViewport();
});

test("colours are classes, and nothing controls the reader's screen", async ({ visit }) => {
  const page = await visit({ name: "Jane Doe" });
  await page.goto(`${path}#L2`);
  await expect(page.locator("#output.taken")).toBeAttached();
  await expect(row(page, 2).locator(".t-red.t-bold")).toHaveText("failed");
  await expect(row(page, 2).locator(".t-black.t-on-green")).toHaveText("done");
  await expect(row(page, 2).locator(".t-bright-blue")).toHaveText("near blue");
  await expect(row(page, 3)).toHaveText("a link kept");
  await expect(row(page, 4)).toHaveText("100% copied");
  await expect(row(page, 5)).toHaveText("<img src=x onerror=alert(1)>");
  await expect(row(page, 6)).toContainText("… 20000 more characters");
  await expect(log(page).locator("img")).toHaveCount(0);
  expect(await log(page).locator("[href*='elsewhere']").count()).toBe(0);
  // eslint-disable-next-line no-control-regex
  expect(await log(page).textContent()).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
});

test("a search finds its lines, and goes from one to the next", async ({ visit }) => {
  const page = await visit({ name: "Jane Doe" });
  await page.goto(path);
  await expect(page.locator("#output.taken")).toBeAttached();
  await log(page).focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("/");
  await expect(page.getByLabel("Find in the output")).toBeFocused();
  await page.keyboard.type("LINE 77777 OF");
  await page.keyboard.press("Enter");
  await expect(page.locator("#found")).toHaveText("1 of 1");
  await expect(row(page, at(77_777))).toBeInViewport();
  await expect(row(page, at(77_777)).locator(".t-hit")).toHaveText("line 77777 of");

  await page.getByLabel("Find in the output").fill("99999 of");
  await page.keyboard.press("Enter");
  // 99999, 199999, … 999999: from what is in sight on.
  await expect(page.locator("#found")).toHaveText("1 of 10");
  await expect(row(page, at(99_999))).toBeInViewport();
  await page.getByRole("button", { name: "Next match" }).click();
  await expect(row(page, at(199_999))).toBeInViewport();
  await page.getByRole("button", { name: "Previous match" }).click();
  await page.getByRole("button", { name: "Previous match" }).click();
  await expect(page.locator("#found")).toHaveText("10 of 10");
  await expect(row(page, at(999_999))).toBeInViewport();
  await page.getByLabel("Find in the output").press("Enter");
  await expect(page.locator("#found"), "round again").toHaveText("1 of 10");

  // What only a colour's code has is not there.
  await page.getByLabel("Find in the output").fill("31;1m");
  await page.keyboard.press("Enter");
  await expect(page.locator("#found")).toHaveText("1 of 1");
  await expect(row(page, 1), "where the command says itself").toBeInViewport();
});

test("the download is all of it", async ({ visit }) => {
  const page = await visit({ name: "Jane Doe" });
  await page.goto(path);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "download" }).click()]);
  const file = await download.path();
  let [lines, end] = [0, ""];
  for await (const chunk of createReadStream(file, "latin1")) {
    lines += chunk.split("\n").length - 1;
    end = (end + chunk).slice(-100);
  }
  expect(end.endsWith(`line ${LINES} of a long night\n`)).toBe(true);
  expect(lines).toBe(at(LINES));
  const answer = await page.request.head(await page.locator("#download").evaluate((a: { href: string }) => a.href));
  expect(Number(answer.headers()["content-length"])).toBe((await stat(file)).size);
});

test("without scripting the end is there, in colour", async ({ visit }) => {
  const page = await visit({ name: "Jane Doe", script: false });
  await page.goto(path);
  await expect(row(page, at(LINES))).toHaveText(`line ${LINES} of a long night`);
  await expect(row(page, at(LINES))).toBeInViewport();
  await expect(page.getByText(/From line \d+ of \d+ on; the download has all/)).toBeVisible();
  await expect(page.getByLabel("Find in the output")).toBeHidden();
});

test("what is written is followed, until somebody reads further up", async ({ visit, house }) => {
  const page = await visit({ name: "Jane Doe" });
  const run = await start(house, "slow-morning");
  await page.goto(run.path);
  await takenOver(page);
  const last = async () => (await inSight(page)).at(-1) ?? 0;
  await expect.poll(last, { timeout: 60_000 }).toBeGreaterThan(60);
  await expect(page.locator("#follow")).toBeChecked();
  await log(page).focus();
  await page.keyboard.press("PageUp");
  await expect(page.locator("#follow")).not.toBeChecked();
  const height = () => log(page).evaluate((box: { scrollHeight: number }) => box.scrollHeight);
  const [before, grown] = [await last(), (await height()) + 300];
  await expect.poll(height, { timeout: 60_000 }).toBeGreaterThan(grown);
  expect(await last()).toBeLessThanOrEqual(before);
  await page.keyboard.press("End");
  await expect(page.locator("#follow")).toBeChecked();
  const end = await last();
  await expect.poll(last, { timeout: 60_000 }).toBeGreaterThan(end + 20);
});
