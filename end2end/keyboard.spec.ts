// Declared, told and resolved without a mouse.
import { expect, tabTo, takenOver, test } from "./test.js";

test.use({ stage: "keyboard" });

test("declared, told and resolved with the keyboard alone", async ({ house, visit }) => {
  const page = await visit({ name: "Commander", link: house.link });
  await takenOver(page);

  await page.keyboard.press("c");
  await expect(page).toHaveURL(/\/incidents\/new$/);
  await takenOver(page);
  await tabTo(page, page.getByLabel("What is happening?"));
  await page.keyboard.type("Reports are late: c, u, n and ? are typed, not obeyed");
  await tabTo(page, page.getByRole("radio", { name: /^SEV1/ }));
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("radio", { name: /^SEV2/ })).toBeChecked();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/incidents\/INC-/);
  await takenOver(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Reports are late: c, u, n and ? are typed, not obeyed");

  await page.keyboard.press("u");
  const update = page.locator("[data-panel=update]").getByLabel("What should customers know?");
  await expect(update).toBeFocused();
  await page.keyboard.type("Reports come an hour late today.");
  await tabTo(page, page.getByRole("button", { name: "Publish the update" }));
  await page.keyboard.press("Enter");
  await expect(page.locator("#timeline")).toContainText("Reports come an hour late today.");

  await page.keyboard.press("n");
  const note = page.getByLabel("Note for the timeline");
  await expect(note).toBeFocused();
  await page.keyboard.type("The export was started by hand.");
  await tabTo(page, page.getByRole("button", { name: "Add the note" }));
  await page.keyboard.press("Enter");
  await expect(page.locator("#timeline")).toContainText("The export was started by hand.");

  const menu = page.locator("details[data-menu=resolve]");
  await tabTo(page, menu.locator("summary"), 200);
  await page.keyboard.press("Enter");
  await tabTo(page, menu.getByLabel("What should customers know?"));
  await page.keyboard.type("The export ran. Every report is there.");
  await tabTo(page, menu.getByRole("button", { name: /^Resolve/ }));
  await page.keyboard.press("Enter");
  await expect(page.locator(".about")).toContainText("Resolved");
  await expect(page.locator("#timeline")).toContainText("The export ran. Every report is there.");
});

test("the question mark opens the list of keys, and Escape closes it", async ({ visit }) => {
  const page = await visit({ name: "Commander" });
  await takenOver(page);
  const keys = page.getByRole("dialog", { name: "Keys" });
  await expect(keys).toBeHidden();
  await page.keyboard.press("?");
  await expect(keys).toBeVisible();
  await expect(keys).toContainText("declare an incident");
  await page.keyboard.press("Escape");
  await expect(keys).toBeHidden();
  await page.keyboard.press("g");
  await page.keyboard.press("i");
  await expect(page).toHaveURL(/\/incidents$/);
});
