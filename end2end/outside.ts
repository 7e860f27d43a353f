// The lab's outside world: what people's mail boxes, telephones and channels received, and how they behave.
import type { House } from "./house.js";

export interface Received {
  number: number;
  sink: string;
  to: string[];
  subject: string;
  text: string;
}

export type Call = "listen" | "press" | "hang_up" | "busy" | "no_answer" | "failed";

export class Outside {
  constructor(private readonly house: House) {}

  /** What a sink accepted for somebody, as soon as there are so many. */
  async received(sink: string, to: string, count = 1, after = 0): Promise<Received[]> {
    const query = new URLSearchParams({ sink, to, after: String(after), count: String(count), wait_ms: "20000" });
    const found = await this.ask<Received[]>("GET", `received?${query}`);
    if (found.length < count) throw new Error(`${to} received ${found.length} by ${sink}, not ${count}`);
    return found;
  }

  /** The latest number: what is received from now on has a greater one. */
  async last(): Promise<number> {
    const all = await this.ask<Received[]>("GET", "received?brief=true&limit=1000");
    return Math.max(0, ...all.map((one) => one.number));
  }

  /** The HTML of a mail. */
  async html(mail: Received): Promise<string> {
    const answer = await fetch(`${this.house.outside}/mail/${mail.number}`);
    if (!answer.ok) throw new Error(`mail ${mail.number}: ${answer.status}`);
    return answer.text();
  }

  /** How somebody's telephone behaves from now on. */
  async phone(to: string, call: Call, digit?: string): Promise<void> {
    await this.ask("PUT", "phones", { to, call, digit });
  }

  private async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = body === undefined ? undefined : { "content-type": "application/json" };
    const answer = await fetch(`${this.house.outside}/control/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  }
}

/** The link in a mail by which somebody says that they know, or that it arrived. */
export function link(mail: Received): string {
  const found = /http:\S+\/ack\/[\w-]+/.exec(mail.text);
  if (!found) throw new Error(`no link in ${mail.text}`);
  return found[0];
}
