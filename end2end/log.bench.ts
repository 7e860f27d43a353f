// How long a log of a million lines takes to open, and to be somewhere else in, beside the same lines as a plain file in
// the same Chromium. Medians of five rounds, in turns.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { LINES, RUNBOOKS, speak } from "./log.js";
import { test, type Page } from "./test.js";

/** How long the plain file may take to be there as a whole. */
const PATIENCE = 60_000;
const PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime";

test.use({ stage: "log-bench", runbooks: RUNBOOKS });

function median(figures: number[]): number {
  return figures.sort((a, b) => a - b)[Math.floor(figures.length / 2)];
}

/** Milliseconds until a line stands in the log, seen from within the page, frame by frame. */
function jump(page: Page, line: number): Promise<number> {
  return page.evaluate(`new Promise((done) => {
    const start = performance.now();
    location.hash = "L${line}";
    const look = () => {
      const there = document.querySelector('#output.taken a[data-n="${line}"]')?.nextSibling;
      if (there) done(performance.now() - start); else requestAnimationFrame(look);
    };
    look();
  })`);
}

/** The lines that the run says, as a file. */
async function plainFile(folder: string): Promise<string> {
  const file = join(folder, "lines.txt");
  const lines = Array.from({ length: LINES }, (_, n) => `line ${n + 1} of a long day, with as much to say as usual\n`);
  await writeFile(file, lines.join(""));
  return pathToFileURL(file).href;
}

/** A line of the table of numbers to hold, as the other benches print theirs. */
function number(what: string, limit: number, figure: number): void {
  console.log(`NUMBER ${what} | ≤ ${limit} ms | ${figure.toFixed(0)} ms | ${figure <= limit ? "held" : "not held"}`);
}

test("opening and jumping", async ({ visit, house, browser }) => {
  const began = Date.now();
  const path = await speak(house, "long-day");
  console.log(`  ${LINES} lines were written, stored and seen to be complete after ${Date.now() - began} ms`);
  const page = await visit({ name: "Jane Doe" });
  const folder = await mkdtemp(join(tmpdir(), "muster-plain-"));
  const plain = await plainFile(folder);
  const [painted, taken, jumps, sought, control] = [[], [], [], [], []] as number[][];
  for (let round = 0; round < 5; round += 1) {
    await page.goto("/plan");
    await page.goto(path, { waitUntil: "commit" });
    await page.waitForSelector("#output.taken .rows > p");
    taken.push(await page.evaluate("performance.now()"));
    painted.push(await page.evaluate(`${PAINTED} ?? Infinity`));
    for (const part of [0.5, 0.1, 0.9]) jumps.push(await jump(page, Math.floor(LINES * part) + round * 1_000));
    await page.locator("#find").fill(`line ${700_000 + round * 1_000} of`);
    const start = Date.now();
    await page.keyboard.press("Enter");
    await page.waitForSelector("#output .t-hit");
    sought.push(Date.now() - start);
    await page.locator("#find").fill("");
    const text = await browser.newPage();
    await text.goto(plain, { waitUntil: "commit" });
    await text.waitForFunction(PAINTED, undefined, { timeout: 60_000 });
    control.push(await text.evaluate(PAINTED));
    await text.close();
  }
  const text = await browser.newPage();
  await text.goto(plain, { waitUntil: "commit" });
  const load = text.waitForLoadState("load", { timeout: PATIENCE }).then(() => text.evaluate<number>("performance.now()"));
  const whole = await load.then((time) => `${time.toFixed(0)} ms`, () => `not after ${PATIENCE / 1000} s`);
  await text.close();
  await rm(folder, { recursive: true });
  const client = await page.context().newCDPSession(page);
  await client.send("HeapProfiler.enable");
  await client.send("HeapProfiler.collectGarbage");
  const { usedSize, totalSize } = await client.send("Runtime.getHeapUsage");
  const ms = (figures: number[]) => `${median(figures).toFixed(0)} ms (worst ${Math.max(...figures).toFixed(0)})`;
  console.log(`  first screen (the last lines, painted): ${ms(painted)}`);
  console.log(`  every line can be gone to: ${ms(taken)}`);
  console.log(`  a jump: ${ms(jumps)}`);
  console.log(`  a search through all of it, to the hit on the screen: ${ms(sought)}`);
  console.log(`  JavaScript heap: ${(usedSize / 1e6).toFixed(1)} MB used of ${(totalSize / 1e6).toFixed(1)} MB; ${await page.locator("#output p").count()} rows in the page`);
  console.log(`  the control, a plain file of the same lines, first screen (its first lines, painted): ${ms(control)}`);
  console.log(`  the control, every line can be gone to: ${whole}`);
  console.log(`  ratio of the first screens: ${(median(painted) / median(control)).toFixed(2)}`);
  number("1,000,000-line log, first screen", 300, median(painted));
  number("1,000,000-line log, a jump", 100, median(jumps));
});
