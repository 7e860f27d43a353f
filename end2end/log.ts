// A run that says a lot, for the story of the log and for its figures.
import { expect, type House, type Page } from "./test.js";

export const LINES = 1_000_000;
/** On which line the counting begins: the commands themselves are said too, one line each, and what the first one says. */
const BEFORE = 8;
const COLOURS = [
  String.raw`printf 'plain \033[31;1mfailed\033[0m and \033[42;30mdone\033[0m \033[38;2;90;90;255mnear blue\033[0m\n'`,
  String.raw`printf '\033]0;a title\007\033]8;;http://elsewhere.example/\007a link\033]8;;\007 \033]52;c;aGVsbG8=\007\033[2Jkept\n'`,
  String.raw`printf '10%%\r50%%\r100%% copied\n<img src=x onerror=alert(1)>\n'`,
  String.raw`head -c 30000 /dev/zero | tr '\0' x; echo`,
];

export const RUNBOOKS = {
  "long-night": `
name: Long Night
trigger: Somebody wants to read a lot
steps:
  - name: Speak
    commands:
      - |-
        ${COLOURS.join("; ")}
      - seq -f 'line %.0f of a long night' 1 ${LINES}
`,
  "long-day": `
name: Long Day
trigger: Somebody wants to measure
steps:
  - name: Speak
    commands:
      - seq -f 'line %.0f of a long day, with as much to say as usual' 1 ${LINES}
`,
  "slow-morning": `
name: Slow Morning
trigger: Somebody wants to watch
steps:
  - name: Speak
    commands:
      - for n in $(seq 1 600); do echo "it is $n"; sleep 0.1; done
`,
};

/** The line on which the command says "line N". */
export function at(n: number): number {
  return n + BEFORE - 1;
}

/** Starts a runbook. */
export async function start(house: House, slug: string): Promise<{ path: string; status: () => Promise<string> }> {
  const token = await house.token("Jane Doe", "commander");
  const { number } = await house.api<{ number: string }>(token, "/incidents", {
    title: "A long night",
    severity: "SEV3",
    affected: ["report-export"],
    kind: "real",
  });
  const { id } = await house.api<{ id: string }>(token, `/runbooks/${slug}/runs`, { incident: number });
  const status = async () => (await house.api<{ status: string }>(token, `/runs/${id}`)).status;
  return { path: `/runs/${id}`, status };
}

/** Starts a runbook, waits for its end, and returns the address of its page. */
export async function speak(house: House, slug = "long-night"): Promise<string> {
  const run = await start(house, slug);
  await expect.poll(run.status, { timeout: 240_000, intervals: [1_000] }).toBe("completed");
  return run.path;
}

/** The numbers of the lines that stand in the part of the log that is in sight. */
export function inSight(page: Page): Promise<number[]> {
  return page.locator("#output").evaluate((log: Box) => {
    const box = log.getBoundingClientRect();
    return [...log.querySelectorAll(".rows > p")]
      .filter((row) => row.getBoundingClientRect().bottom > box.top + 1 && row.getBoundingClientRect().top < box.top + log.clientHeight - 1)
      .map((row) => Number(row.querySelector("a")?.getAttribute("data-n") ?? 0));
  });
}

/** As much of the browser's own types as is needed: the rest of these files runs in Node. */
interface Box {
  clientHeight: number;
  getBoundingClientRect(): { top: number; bottom: number };
  querySelectorAll(what: string): Iterable<Box>;
  querySelector(what: string): { getAttribute(name: string): string | null } | null;
}
