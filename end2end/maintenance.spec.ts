// Maintenance mode as a recovery uses it: a window with the application stopped, and back.
import { expect, type House, test } from "./test.js";

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
