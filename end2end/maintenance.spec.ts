// Work that is announced: a window is thought about, scheduled and begun on one page; what fails in it is held, and told when
// it ends. And maintenance mode as a recovery uses it: the window with the application stopped, and back.
import { expect, type House, takenOver, test } from "./test.js";

const RUNBOOKS = {
  "maintenance-mode": `
name: Maintenance Mode
steps:
  - name: Stop Writing
    commands: [npm run maintenance:enable --for=30m]
  - name: Go On
    commands: [npm run maintenance:disable]
`,
};

test.use({ stage: "maintenance", runbooks: RUNBOOKS });

interface Service {
  id: string;
  health: string;
  because: string;
}

async function service(house: House, token: string, id: string): Promise<Service | undefined> {
  const { services } = await house.api<{ services: Service[] }>(token, "/board");
  return services.find((s) => s.id === id);
}

test("what fails in a window is held and told when it ends", async ({ house, visit }) => {
  const token = await house.token("a reader", "viewer");
  const health = (id: string) => expect.poll(async () => (await service(house, token, id))?.health, { timeout: 90_000 });
  await health("orders-api").toBe("operational");
  await health("web-front").toBe("operational");
  const page = await visit({ name: "Jane Doe" });
  const board = await visit({ name: "Bob Wilson" });
  await takenOver(board);

  // Asked, shown, told.
  await page.goto("/maintenance");
  await takenOver(page);
  await page.getByLabel("What is done?").fill("New application servers");
  await page.getByLabel("What is told of it").first().fill("Orders cannot be placed.");
  await page.getByRole("checkbox", { name: /^Orders API/ }).check();
  await page.getByRole("checkbox", { name: /^Web front/ }).check();
  await page.getByRole("button", { name: "Show what it touches" }).click();
  const preview = page.locator(".preview");
  await expect(preview).toContainText("announced as Orders");
  await expect(preview).toContainText("Not in the window, but depending on it: Sign-in");
  await page.getByRole("button", { name: "Schedule it" }).click();
  const card = page.locator("[id^=MNT-]").filter({ hasText: "New application servers" });
  await expect(card).toContainText("Scheduled");
  await card.getByRole("button", { name: "Begin now" }).click();
  await expect(card).toContainText("In progress");
  const tile = board.locator('.tile[href$="orders-api"]');
  await expect(tile).toContainText("Maintenance");

  // It fails; who works on it sees that, and nobody else is alarmed.
  await house.break("app");
  await expect(card).toContainText("Found by the checks, and held", { timeout: 60_000 });
  await expect(card.getByRole("listitem").filter({ hasText: "Orders API" })).toContainText("Major outage", { timeout: 60_000 });
  await expect(tile).toContainText("Maintenance");
  await expect(board.locator(".card").filter({ hasText: "Suggested now" })).toHaveCount(0);

  // It ends, and is told as it is.
  const end = card.locator("details").filter({ has: page.locator("summary", { hasText: "Complete at once" }) });
  await end.locator("summary").click();
  await end.getByLabel("What is told of it (optional)").fill("The old servers are back.");
  await end.getByRole("button", { name: "Complete at once" }).click();
  await expect(page.locator("li").filter({ hasText: "The old servers are back." })).toContainText("Completed");
  await expect(tile).toContainText("Major outage");
  await expect(board.locator(".card").filter({ hasText: "Suggested now" })).toContainText("Declare");
  const told = await service(house, token, "orders-api");
  expect(told?.because).toContain("held since");
  await house.lab("heal", "app");
  await health("orders-api").toBe("operational");
});

test("maintenance mode stops the application within a window, and starts it again", async ({ house }) => {
  const token = await house.token("Jane Doe", "commander");
  const { number } = await house.api<{ number: string }>(token, "/incidents", { title: "Rows are gone", severity: "SEV3", affected: ["orders-api"], kind: "real" });
  const run = await house.api<{ id: string }>(token, "/runbooks/maintenance-mode/runs", { incident: number, stepwise: true });
  interface Run {
    status: string;
    steps: { status: string }[];
  }
  const steps = async () => (await house.api<Run>(token, `/runs/${run.id}`)).steps.map((s) => s.status);
  const go = (step: number) => house.api(token, `/runs/${run.id}/answer`, { step, answer: "go" });
  const first = async () => (await steps())[0];
  const second = async () => (await steps())[1];
  if ((await first()) === "waiting") await go(0);
  await expect.poll(first, { timeout: 60_000 }).toBe("succeeded");
  await expect(fetch(house.app), "nothing is written through it").rejects.toThrow();
  expect((await service(house, token, "orders-api"))?.health).toBe("maintenance");
  await expect.poll(second).toBe("waiting");
  await go(1);
  await expect.poll(second, { timeout: 120_000 }).toBe("succeeded");
  const { maintenance } = await house.api<{ maintenance: { stage: string; by: string }[] }>(token, "/maintenance");
  expect(maintenance[0]).toMatchObject({ stage: "completed", by: "Maintenance Mode" });
  expect((await service(house, token, "orders-api"))?.health).not.toBe("maintenance");
});
