// Who must know: told by the matrix, shown as it happens, acknowledged, escalated, called by hand. With the keyboard alone,
// and on a page that its reader never loads again.
import ICAL from "ical.js";
import { link, Outside } from "./outside.js";
import { expect, type House, type Locator, type Page, tabTo, takenOver, test, type Visit } from "./test.js";

/** Short enough to be waited for; everything else is as shipped. */
const WITHIN = 6;
test.use({
  stage: "comms",
  changes: {
    "communication.yaml": [["    first_update: 15m", `    acknowledge_within: ${WITHIN}s\n    internal_every: 1h\n    first_update: 15m`]],
    "rotations.yaml": `
- id: platform
  name: Platform
  members: [DevOps Lead, Database Admin]
  starts: 2026-01-05
  handover: "mon 09:00"
  timezone: Europe/Vienna
`,
  },
});

const known = (page: Page) => page.locator("#matrix");

/** The scorecard's line of a channel. */
function line(page: Page, channel: string, whom: string): Locator {
  return known(page).locator(".score").first().locator("tr").filter({ hasText: channel }).filter({ hasText: whom });
}

async function press(page: Page, what: Locator, key = "Enter"): Promise<void> {
  await tabTo(page, what, 250);
  await page.keyboard.press(key);
}

/** Opens a link as somebody who is not signed in, and presses its one button. */
async function follow(visit: Visit, address: string): Promise<Page> {
  const page = await visit({});
  await page.goto(address);
  await press(page, page.getByRole("main").getByRole("button"));
  return page;
}

/** The page is never loaded again by its reader. */
async function stays(page: Page): Promise<() => Promise<void>> {
  await page.evaluate("window.notReloaded = true");
  return async () => expect(await page.evaluate("window.notReloaded"), "the page was never loaded again").toBe(true);
}

test("declared with a preview, told, acknowledged from a mail in a second browser, and called by hand", async ({ house, visit }) => {
  const outside = new Outside(house);
  await outside.phone("+15550004", "failed");
  const page = await visit({ name: "Commander", link: house.link });
  await takenOver(page);

  await page.keyboard.press("c");
  await expect(page).toHaveURL(/\/incidents\/new$/);
  await takenOver(page);
  await tabTo(page, page.getByLabel("What is happening?"));
  await page.keyboard.type("Orders fail");
  await tabTo(page, page.getByRole("radio", { name: /^SEV1/ }));
  await page.keyboard.press("ArrowDown");
  await expect(page.getByText("This will mail 4 and post to 1 place now.")).toBeVisible();
  await page.keyboard.press("ArrowUp");
  await expect(page.getByText("This will phone 4, mail 4 and post to 1 place now.")).toBeVisible();
  await expect(page.getByText("Nobody is held until morning.").first()).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/incidents\/INC-/);
  await takenOver(page);
  const notReloaded = await stays(page);

  // The scorecard fills by itself: in time by mail and in Slack; one telephone is dead.
  await expect(known(page)).toContainText("Nobody has acknowledged yet");
  await expect(known(page)).toContainText("Secondary contacts are asked next, in");
  await expect(line(page, "E-mail", "Everybody")).toContainText("In time");
  await expect(line(page, "Slack", "incidents")).toContainText("In time");
  await expect(line(page, "Phone", "Everybody")).toContainText("1 not reached", { timeout: 90_000 });
  for (const to of ["+15550001", "+15550002", "+15550003"]) await outside.received("phone", to);
  const [mail] = await outside.received("smtp", "cto@sentia.com");
  expect(mail.subject).toContain("Orders fail");

  // Somebody else, somewhere else.
  await follow(visit, link(mail));
  await expect(known(page)).toContainText("John Smith knows");
  await expect(known(page)).toContainText("by the link in a message");
  await expect(known(page)).not.toContainText("asked next");
  await expect(line(page, "E-mail", "Everybody")).toContainText("1 of 4");

  // The machine cannot: a person can.
  const alice = known(page).locator(".by-hand li").filter({ hasText: "Alice Brown" });
  await expect(alice.getByRole("link", { name: "+1-555-0004" })).toHaveAttribute("href", "tel:+15550004");
  await press(page, alice.locator("summary"));
  await press(page, alice.getByRole("radio", { name: "Reached", exact: true }), "Space");
  await tabTo(page, alice.getByLabel("What was said"));
  await page.keyboard.type("Is on the way");
  await page.keyboard.press("Enter");
  await expect(known(page).locator(".by-hand")).toHaveCount(0);
  await expect(page.locator("#timeline")).toContainText("Called Alice Brown by hand: reached");
  await expect(line(page, "Phone", "Everybody")).toContainText("In time");
  await notReloaded();
});

test("let go unanswered it escalates level by level, and one word stops it", async ({ house, visit }) => {
  const outside = new Outside(house);
  const token = await house.token("Jane Doe", "commander");
  const page = await visit({ name: "Bob Wilson", role: "responder" });
  const after = await outside.last();
  const { number } = await house.api<{ number: string }>(token, "/incidents", { title: "Reports are slow", severity: "SEV2", affected: [], kind: "real" });
  await page.goto(`/incidents/${number}`);
  await takenOver(page);
  const notReloaded = await stays(page);
  await expect(known(page)).toContainText("Escalated to level 2: Secondary contacts", { timeout: 60_000 });
  // By SEV2's row nobody was called; now the secondary contacts are.
  await outside.received("phone", "+15550003", 1, after);
  await expect(known(page)).toContainText("Escalated to level 3: External support", { timeout: 60_000 });
  const support = known(page).locator(".by-hand").filter({ hasText: "Call external support" });
  await expect(support.getByRole("listitem").filter({ hasText: "Render Support" })).toContainText("ENT-12345");

  const board = await visit({ name: "A screen", role: "viewer" });
  await expect(board.locator("#open tr").filter({ hasText: number })).toContainText("Nobody has acknowledged");

  await press(page, page.getByRole("button", { name: "I know" }));
  await expect(known(page)).toContainText("Bob Wilson knows");
  await expect(known(page)).toContainText("on the page");
  await expect(support).toHaveCount(0);
  await expect(board.locator("#open tr").filter({ hasText: number })).not.toContainText("Nobody has acknowledged");
  await notReloaded();
});

test("a drill and a quiet incident tell nobody, and say so", async ({ house, visit }) => {
  const outside = new Outside(house);
  const page = await visit({ name: "Jane Doe" });
  const after = await outside.last();
  await page.goto("/incidents/new");
  await page.getByLabel("What is happening?").fill("Practice");
  await page.getByRole("radio", { name: /^SEV1/ }).check();
  await page.getByText(/^More:/).click();
  await page.getByRole("radio", { name: /^Drill/ }).check();
  await expect(page.getByText("This will phone 4")).toBeHidden();
  await expect(page.getByText("A drill reaches no real person")).toBeVisible();
  await page.getByRole("checkbox", { name: /public status page/ }).uncheck();
  await page.getByRole("button", { name: "Declare the incident" }).click();
  await expect(page).toHaveURL(/\/incidents\/INC-/);
  await expect(known(page)).toContainText("This is a drill: nobody real is told.");
  await expect(line(page, "Phone", "Everybody")).toContainText("Not sent");

  const token = await house.token("Jane Doe", "commander");
  const { number } = await house.api<{ number: string }>(token, "/incidents", { title: "Hushed", severity: "SEV1", affected: [], kind: "real", quiet: true });
  await page.goto(`/incidents/${number}`);
  await expect(known(page)).toContainText("It was declared quietly: nobody is told.");
  expect(await outside.last(), "nothing has left").toBe(after);
});

test("an address is tested, confirmed from the mail, and shown as proved", async ({ house, visit }) => {
  const outside = new Outside(house);
  const page = await visit({ name: "Jane Doe" });
  await page.goto("/contacts");
  await takenOver(page);
  const notReloaded = await stays(page);
  const bob = page.locator("li.contact").filter({ hasText: "Bob Wilson" });
  const mail = bob.locator(".ways li").filter({ hasText: "E-mail" });
  await expect(mail).toContainText("Never tested");
  const after = await outside.last();
  await press(page, mail.getByRole("button"));
  await expect(mail).toContainText("not confirmed");
  const [test] = await outside.received("smtp", "dba@sentia.com", 1, after);
  await follow(visit, link(test));
  await expect(mail).toContainText("Confirmed");
  await notReloaded();
});

test("who is on call is in everybody's own calendar, and contacts in everybody's telephone", async ({ house, visit }) => {
  const page = await visit({ name: "Jane Doe" });
  await page.goto("/contacts");
  await page.getByText("Somebody else is on call for a while").click();
  const form = page.locator("#override-fold form");
  await form.getByLabel("Who is on call instead?").selectOption({ label: "Alice Brown, Security Lead" });
  const day = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString().slice(0, 10);
  await form.getByLabel("From").fill(`${day(1)}T09:00`);
  await form.getByLabel("Until").fill(`${day(2)}T09:00`);
  await form.getByLabel("Why?").fill("Dentist; then, the train");
  await form.getByRole("button", { name: "Put them on call" }).click();
  await expect(page.locator("#on-call")).toContainText("Dentist; then, the train");

  await page.getByText("In your own calendar").click();
  const address = (await page.locator("#calendar-fold code").textContent()) ?? "";
  // A calendar program: it has the address, and no session.
  const calendar = await fetch(address);
  expect(calendar.headers.get("content-type")).toContain("text/calendar");
  const events = new ICAL.Component(ICAL.parse(await calendar.text())).getAllSubcomponents("vevent").map((event) => new ICAL.Event(event));
  const stand = events.filter((event) => event.summary === "Alice Brown on call: Platform");
  expect(stand).toHaveLength(1);
  expect(stand[0].description).toBe("In somebody's place, by Jane Doe: Dentist; then, the train");
  expect(stand[0].endDate.toJSDate().getTime() - stand[0].startDate.toJSDate().getTime()).toBe(86_400_000);
  for (let n = 1; n < events.length; n += 1) {
    expect(events[n].startDate.toString(), "no gap, and nobody twice").toBe(events[n - 1].endDate.toString());
  }
  expect((await fetch(address.replace(/key=..../, "key=0000"))).status).toBe(401);

  const cards = await page.request.get("/contacts.vcf");
  const all = ICAL.parse(await cards.text()) as unknown as [string, [string, object, string, string][]][];
  const named = all.map(([, fields]) => fields.find(([name]) => name === "fn")?.[3]);
  expect(named.sort()).toEqual(["Alice Brown", "Bob Wilson", "Jane Doe", "John Smith"]);
  await page.locator("#on-call").getByRole("button", { name: "Remove the override for Alice Brown" }).click();
  await expect(page.locator("#on-call")).not.toContainText("Dentist");
});

for (const script of [true, false]) {
  test(`an update is seen as it goes out before it is posted, with scripting ${script ? "on" : "off"}`, async ({ house, visit }) => {
    const outside = new Outside(house);
    const token = await house.token("Jane Doe", "commander");
    const { number } = await declare(house, token);
    const page = await visit({ name: "Jane Doe", script });
    await page.goto(`/incidents/${number}`);
    await page.locator("#composer .tabs label").filter({ hasText: "CAN report" }).click();
    const report = page.locator("[data-panel=report]");
    await report.getByLabel("Conditions").fill("Orders fail for half of all customers");
    await report.getByLabel("Needs").fill("Somebody who knows the proxy");
    await report.getByRole("button", { name: "Preview" }).click();
    await expect(page).toHaveURL(/\/updates\/preview$/);
    const out = page.locator(".goes-out");
    await expect(out).toContainText("Not on the public status page");
    await expect(out).toContainText("Conditions: Orders fail for half of all customers");
    await expect(out).toContainText("Needs: Somebody who knows the proxy");

    // Nothing was posted; what was typed is still there.
    const after = await outside.last();
    await page.getByLabel("Actions").fill("Bob restarts the proxy");
    await page.getByRole("button", { name: "Post the report" }).click();
    await expect(page).toHaveURL(new RegExp(`/incidents/${number}$`));
    await expect(page.locator("#timeline")).toContainText("Actions: Bob restarts the proxy");
    const [mail] = await outside.received("smtp", "cto@sentia.com", 1, after);
    expect(mail.text).toContain("Needs: Somebody who knows the proxy");
    const visitor = await visit({ script: false });
    await visitor.goto("/status");
    await expect(visitor.getByText("Orders fail for half")).toHaveCount(0);
    await house.api(token, `/incidents/${number}/resolve`, { message: "The proxy works again." });
  });
}

function declare(house: House, token: string): Promise<{ number: string }> {
  return house.api(token, "/incidents", { title: "Half of all orders fail", severity: "SEV1", affected: [], kind: "real" });
}
