// The mails as they are read: what arrived at the mail server, opened in a browser, on a phone and at a desk, light and dark.
import { expectGoodLooks } from "./looks.js";
import { Outside, type Received } from "./outside.js";
import { expect, test } from "./test.js";

test.use({ stage: "mails" });

const TO = "cto@sentia.com";

test("each kind of mail is legible wherever it is read, and asks nobody for anything", async ({ house, browser }, info) => {
  const outside = new Outside(house);
  const token = await house.token("Jane Doe", "commander");
  const mails: Record<string, Received> = {};
  let after = 0;
  const next = async (name: string) => {
    const [mail] = await outside.received("smtp", TO, 1, after);
    mails[name] = mail;
    after = mail.number;
  };
  const { number } = await house.api<{ number: string }>(token, "/incidents", {
    title: "Orders <fail> & nobody knows why, since the update of the database server in the early morning",
    severity: "SEV1",
    affected: ["orders-api", "manufacturing-database"],
    kind: "real",
  });
  await next("declared");
  await house.api(token, `/incidents/${number}/updates`, { phase: "identified", message: "The disk of the primary is full.\nThe replica is being promoted." });
  await next("update");
  await house.api(token, `/incidents/${number}/resolve`, { message: "The replica serves all orders. No data was lost." });
  await next("resolved");
  await house.api(token, "/contacts/test", { person: "CTO", channel: "email" });
  await next("test");

  const context = await browser.newContext({ javaScriptEnabled: true });
  const page = await context.newPage();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  for (const [name, mail] of Object.entries(mails)) {
    const html = await outside.html(mail);
    expect(html, name).not.toMatch(/<script|<img|https?:\/\/(?!127\.0\.0\.1)/i);
    await page.setContent(html);
    await expectGoodLooks(page, info, name);
  }
  expect(asked, "what a mail asks for when it is opened").toEqual([]);
  await context.close();
});
