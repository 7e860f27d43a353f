// How a page is looked at: on a phone and at a desk, light and dark. Within its width, accessible, and as a picture in
// test-results.
import { AxeBuilder } from "@axe-core/playwright";
import type { TestInfo } from "@playwright/test";
import { expect, type Page } from "./test.js";

const SCHEMES = ["light", "dark"] as const;
export const SIZES: [number, number][] = [
  [360, 740],
  [1440, 900],
];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

async function expectAccessible(page: Page, look: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  const told = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
  expect.soft(told, `what axe found, ${look}`).toEqual([]);
}

export async function expectGoodLooks(page: Page, info: TestInfo, name = "", sizes = SIZES): Promise<void> {
  for (const [width, height] of sizes) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      const look = `${name} ${colorScheme}, ${width} wide`.trim();
      const sideways = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
      expect.soft(sideways, `pixels to scroll sideways, ${look}`).toBeLessThanOrEqual(0);
      await page.screenshot({ path: info.outputPath(`${name && `${name}-`}${colorScheme}-${width}.png`), fullPage: true });
      await expectAccessible(page, look);
    }
  }
}
