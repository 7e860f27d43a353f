// Every state of a run's page, and of the form that starts one: what a person reads there, light and dark, on a phone and at
// a desk. The pages are the previews of the app, so that states which are rare or fleeting can be looked at too; the pictures
// are in test-results.
import { AxeBuilder } from "@axe-core/playwright";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, type Page, test } from "./test.js";

const SIZES = [
  [360, 740],
  [1440, 900],
] as const;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const HOME = "http://preview.test";
const NOBODY = "Nothing to do: Muster is working.";
/** As it is read: what is hidden does not count, and capitals are a matter of style. */
const READ = { useInnerText: true, ignoreCase: true };

interface State {
  /** What the page asks of people; nothing where it asks nothing. */
  asks?: string | string[];
  /** What is read on it besides. */
  says: (string | RegExp)[];
  /** The buttons and panels that are offered, in the banner or below it. */
  offers?: string[];
  /** What must not be on it. */
  never?: (string | RegExp)[];
}

const STATES: Record<string, State> = {
  "run-running": { says: ["Running", NOBODY, "Next: Point the Application.", "About 1 min left (median of 5 runs)", "db:primary", "fencing token"], offers: ["Pause", "Stop …"] },
  "run-first": { says: [NOBODY, "no earlier run to judge by"], never: [/median/, /left/] },
  "run-retrying": { says: [NOBODY, "Waiting to retry", "attempt 2 of 1 in 6 s"] },
  "run-approval": {
    asks: "Needs a person: approve Promote the Replica",
    says: ["approval of 2 people with the role commander", "but not of whoever started it: Jane Doe", "1 of 2: John Smith approved.", "Waits until 14:20:46", "of work left", "John Smith: approved “go”"],
    offers: ["Approve", "Decline", "Break the glass …", "Stop …"],
    never: [NOBODY],
  },
  "run-approval-viewer": { asks: "Needs a person: approve Promote the Replica", says: ["Waits for the approval"] },
  "run-confirm": { asks: "Needs a person: confirm Promote the Replica", says: ["Type db-replica-1 to let it act."], offers: ["Confirm"] },
  "run-manual": {
    asks: "Needs a person: do Ask the Plant by hand",
    says: ["Call the shop floor and let them stop entering orders.", "Who confirmed it", "Waits until"],
    offers: ["Done", "Could not be done"],
  },
  "run-step-by-step": { asks: "Needs a person: let Look at the Replica begin", says: ["for real, step by step"], offers: ["Go on"] },
  "run-lock": { says: ["Waits for db:primary, held by Database Recovery", "It goes on by itself once that lets go."], never: ["Needs a person"] },
  "run-paused-by-failure": {
    asks: "Needs a person: decide how to go on",
    says: ["Promote the Replica ended so: exit 2.", "Paused: a step failed"],
    offers: ["Retry the step", "Retry forced …", "Skip …", "Mark done …", "Go on from …", "Stop …"],
    never: [NOBODY],
  },
  "run-paused-by-operator": { asks: "Needs a person: continue the run", says: ["Paused by an operator", "Wait for the storage team"], offers: ["Continue", "Stop …"] },
  "run-interrupted": { asks: "Needs a person: decide how to go on", says: ["its end was not seen"], offers: ["Retry the step"] },
  "run-stopping": { says: ["Stopping", "When stopped", "Give Back the Pool", "It ends what runs and then tidies up."], offers: ["Stop without tidying up …"] },
  "run-glass-broken": {
    asks: "Needs a person: co-sign what was done alone",
    says: ["Co-signature due", "Jane Doe went on alone at Promote the Replica", "Nobody answers and the plant stands still", NOBODY],
    offers: ["Co-sign"],
  },
  "run-child": { says: ["Recover the Network", "its run, attempt 1"] },
  "run-drill": { says: ["DRILL", "This is practice", NOBODY] },
  "run-dry": { says: ["DRY RUN", "Nothing is done"], never: ["Locks held", /median/] },
  "run-completed": { says: ["Completed after 46 s", "Nothing is left to do here.", "Jane Doe: done by hand “Ms Okafor, shift lead”", "********"], never: ["Stop …", "Locks held"] },
  "run-exceptions": { says: ["Completed with exceptions after 46 s"] },
  "run-failed": { says: ["Failed after 46 s", "Timed out", "At the end", "Write the Report"] },
  "run-cancelled": { says: ["Cancelled after 46 s", "The primary came back"] },
  "run-unsigned": { asks: "Needs a person: co-sign what was done alone", says: ["Completed after 46 s", "Co-signature due"], offers: ["Co-sign"] },
  "runbook-form": {
    says: ["verified", "by a drill", "Dangerous", "Type db:primary to start", "A whole number, 0 to 600", "PGPASSWORD from replica-password", "Kept secret", "up to 4 attempts", "growing by 2 up to 1 min", "When stopped", "in the plan"],
    offers: ["Run Move the Database"],
  },
  "runbook-refused": { says: ["must be at most 600.", "From revision 77c0de12ab34 to the plan's", "timeout: 2min"] },
};

let folder: string;

test.beforeAll(async () => {
  test.setTimeout(600_000);
  folder = await mkdtemp(join(tmpdir(), "muster-preview-"));
  const built = join(resolve(process.env.MUSTER_BIN ?? join(import.meta.dirname, "../target/debug")), "examples/preview");
  const cargo = ["run", "--quiet", "--locked", "-p", "app", "--features", "ssr", "--example", "preview", "--", folder];
  const [program, words] = existsSync(built) ? [built, [folder]] : ["cargo", cargo];
  await promisify(execFile)(program, words, { cwd: join(import.meta.dirname, "..") });
});

test.afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** A preview stands for itself: what would take it over is left out. */
async function open(page: Page, name: string): Promise<void> {
  const kinds: Record<string, string> = { ".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml" };
  await page.route(`${HOME}/**`, async (route) => {
    const file = join(folder, new URL(route.request().url()).pathname);
    let body = await readFile(file, "utf8");
    if (extname(file) === ".html") {
      body = body.replace(/<script type="module".*?<\/script>/s, "").replace(/<link rel="(modulepreload|preload)"[^>]*>/g, "");
    }
    await route.fulfill({ body, contentType: kinds[extname(file)] ?? "text/plain" });
  });
  await page.goto(`${HOME}/${name}.html`);
}

async function expectAccessible(page: Page, look: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  const told = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
  expect.soft(told, `what axe found, ${look}`).toEqual([]);
}

for (const [name, state] of Object.entries(STATES)) {
  test(`the state ${name}`, async ({ browser, complaints }, info) => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, timezoneId: "UTC", locale: "en-GB" });
    complaints.watch(context, HOME);
    const page = await context.newPage();
    await open(page, name);
    const main = page.locator("main");

    const asked = [state.asks ?? []].flat();
    await expect(main.locator(".asks > h2")).toHaveText(asked);
    for (const says of state.says) await expect.soft(main, `says ${says}`).toContainText(says, READ);
    for (const never of state.never ?? []) await expect.soft(main, `does not say ${never}`).not.toContainText(never, READ);
    for (const offer of state.offers ?? []) {
      const control = main.locator("button, summary").filter({ hasText: offer }).and(main.locator(":visible"));
      await expect.soft(control.first(), `offers ${offer}`).toBeEnabled();
    }
    // A question stands before everything but the name: nobody has to look for it.
    if (asked.length > 0) {
      const box = await main.locator(".asks > h2").first().boundingBox();
      expect(box?.y).toBeLessThan(400);
    }

    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        const look = `${colorScheme}, ${width} wide`;
        const sideways = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
        expect.soft(sideways, `pixels to scroll sideways, ${look}`).toBeLessThanOrEqual(0);
        await page.screenshot({ path: info.outputPath(`${colorScheme}-${width}.png`), fullPage: true });
        // Once in each scheme and at each width is enough to see what is wrong.
        if ((width === 360) === (colorScheme === "dark")) await expectAccessible(page, look);
      }
    }
    await context.close();
  });
}

test("a viewer is told why an answer is not theirs to give", async ({ browser }) => {
  const page = await browser.newPage();
  await open(page, "run-approval-viewer");
  await expect(page.getByRole("button", { name: "Approve", exact: true })).toBeDisabled();
  await expect(page.getByRole("button", { name: "Approve", exact: true })).toHaveAttribute("title", "Needs the role commander; you are viewer.");
  await page.close();
});

test("after a refusal what was typed is there, the wrong field has the focus, and the secret is gone", async ({ browser }) => {
  const page = await browser.newPage();
  await open(page, "runbook-refused");
  await expect(page.getByLabel("Why now")).toHaveValue("The disk fails");
  const wrong = page.getByLabel("Most seconds of lag that are bearable");
  await expect(wrong).toBeFocused();
  await expect(wrong).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("Passphrase of the vault")).toHaveValue("");
  await expect(page.getByRole("radio", { name: /As a drill/ })).toBeChecked();
  await expect(page.getByRole("checkbox", { name: /Step by step/ })).toBeChecked();
  await expect(page.getByLabel("Type db:primary to start")).toHaveValue("db:primary");
  await page.close();
});
