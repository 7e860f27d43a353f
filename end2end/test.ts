// What every story stands on: a house, people who visit it, and the promise that no page complains.
import { test as base, expect, type Browser, type BrowserContext, type Locator, type Page } from "@playwright/test";
import { type Changes, type Database, House, type Role } from "./house.js";

export { expect, type Locator, type Page, type Response } from "@playwright/test";
export type { House } from "./house.js";

export interface Visitor {
  /** Who signs in. Nobody does without a name. */
  name?: string;
  role?: Role;
  /** Another sign-in link than one that is made for the visitor. */
  link?: string;
  script?: boolean;
  scheme?: "light" | "dark";
  width?: number;
  height?: number;
}

/** Opens a browser of a visitor's own, signed in and on the board, or on no page where nobody signs in. */
export type Visit = (visitor: Visitor) => Promise<Page>;

/** What pages complained of. A story that provokes a complaint says which. */
export class Complaints {
  private readonly all: string[] = [];
  private readonly allowed: RegExp[] = [];

  allow(what: RegExp): void {
    this.allowed.push(what);
  }

  watch(context: BrowserContext, home: string): void {
    context.on("console", (message) => {
      if (message.type() === "error") this.hear(`console: ${message.text()} (${message.location().url || message.page()?.url()})`);
    });
    context.on("weberror", (error) => this.hear(`page error: ${error.error().stack ?? error.error().message} (${error.page()?.url()})`));
    context.on("page", (page) => page.on("crash", () => this.hear(`crash: ${page.url()}`)));
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http") && url.origin !== home) this.hear(`foreign origin: ${url.href}`);
    });
  }

  heard(): string[] {
    return this.all.filter((complaint) => !this.allowed.some((what) => what.test(complaint)));
  }

  private hear(complaint: string): void {
    this.all.push(complaint);
  }
}

interface Story {
  visit: Visit;
  complaints: Complaints;
}

interface Stage {
  /** Where the house of this file keeps its data. */
  database: Database;
  /** The file's own name, so that each file has a house of its own. */
  stage: string;
  /** What its plan has besides the shipped runbooks, as YAML by slug. */
  runbooks: Record<string, string>;
  /** Its plan lets Muster fail over by itself. */
  automatic: boolean;
  /** What its plan has besides the shipped services, as YAML. */
  services: string;
  /** What its plan says otherwise than the shipped one. */
  changes: Changes;
  house: House;
}

export const test = base.extend<Story, Stage>({
  database: ["sqlite", { option: true, scope: "worker" }],
  stage: ["", { option: true, scope: "worker" }],
  runbooks: [{}, { option: true, scope: "worker" }],
  automatic: [false, { option: true, scope: "worker" }],
  services: ["", { option: true, scope: "worker" }],
  changes: [{}, { option: true, scope: "worker" }],
  house: [
    async ({ database, stage: _, runbooks, automatic, services, changes }, use) => {
      const house = await House.open(database, runbooks, automatic, services, changes);
      await use(house);
      await house.close();
    },
    { scope: "worker", timeout: 120_000 },
  ],
  complaints: [
    async ({}, use) => {
      const complaints = new Complaints();
      await use(complaints);
      expect(complaints.heard(), "what the pages complained of").toEqual([]);
    },
    { auto: true },
  ],
  visit: async ({ browser, house, complaints }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (visitor) => {
      const context = await enter(browser, house, complaints, visitor);
      contexts.push(context);
      const page = await context.newPage();
      if (visitor.name) {
        await page.goto(visitor.link ?? (await house.signin(visitor.name, visitor.role)));
        await expect(page).toHaveURL(`${house.url}/`);
      }
      return page;
    });
    for (const context of contexts) await context.close();
  },
});

async function enter(browser: Browser, house: House, complaints: Complaints, visitor: Visitor): Promise<BrowserContext> {
  const context = await browser.newContext({
    baseURL: house.url,
    javaScriptEnabled: visitor.script ?? true,
    colorScheme: visitor.scheme ?? "light",
    viewport: { width: visitor.width ?? 1440, height: visitor.height ?? 900 },
    timezoneId: "UTC",
    locale: "en-GB",
  });
  complaints.watch(context, house.url);
  return context;
}

/** The page has taken over what the server rendered: it hears keys and sends forms by itself. */
export async function takenOver(page: Page): Promise<void> {
  await expect(page.locator("html.scripted")).toBeAttached();
}

/** Goes on with the Tab key until the focus is where it is wanted. */
export async function tabTo(page: Page, wanted: Locator, most = 80): Promise<void> {
  for (let pressed = 0; pressed < most; pressed += 1) {
    if (await wanted.evaluate((element) => element === document.activeElement).catch(() => false)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${most} times Tab did not lead to ${wanted}`);
}
