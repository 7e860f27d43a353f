// How long a log of a million lines takes to open, and to be somewhere else in. Medians of five, in Chromium.
import { LINES, RUNBOOKS, speak } from "./log.js";
import { test, type Page } from "./test.js";

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

test("opening and jumping", async ({ visit, house }) => {
  const began = Date.now();
  const path = await speak(house, "long-day");
  console.log(`  ${LINES} lines were written, stored and seen to be complete after ${Date.now() - began} ms`);
  const page = await visit({ name: "Jane Doe" });
  const [painted, taken, jumps, sought] = [[], [], [], []] as number[][];
  for (let round = 0; round < 5; round += 1) {
    await page.goto("/plan");
    await page.goto(path, { waitUntil: "commit" });
    await page.waitForSelector("#output.taken .rows > p");
    taken.push(await page.evaluate("performance.now()"));
    painted.push(await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity"));
    for (const part of [0.5, 0.1, 0.9]) jumps.push(await jump(page, Math.floor(LINES * part) + round * 1_000));
    await page.locator("#find").fill(`line ${700_000 + round * 1_000} of`);
    const start = Date.now();
    await page.keyboard.press("Enter");
    await page.waitForSelector("#output .t-hit");
    sought.push(Date.now() - start);
    await page.locator("#find").fill("");
  }
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
});
