// A house: a private lab, the shipped plan with its addresses, and a Muster that serves it. Everything is real, stands in
// a temporary folder, listens on ports of its own, and is taken down at the end.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { appendFile, chmod, chown, cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = import.meta.dirname;
const bin = resolve(process.env.MUSTER_BIN ?? join(here, "../target/debug"));
const muster = join(bin, "muster");
const musterLab = join(bin, "muster-lab");

export type Database = "sqlite" | "postgres";
export type Role = "viewer" | "responder" | "commander" | "manager" | "admin";

/** Of the plan's files: a whole text, or pairs of what stands there and what is to stand there instead. */
export type Changes = Record<string, string | [string, string][]>;

/** What the lab counts from its base port. */
const LAB_PORTS = [25, 30, 32, 33, 80, 81, 82];

export class House {
  /** Where people reach Muster. */
  url = "";
  /** The link that the first start printed: it works once. */
  link = "";
  private server?: ChildProcess;
  private cluster?: Cluster;

  private constructor(
    private readonly folder: string,
    private readonly base: number,
    readonly database: Database,
    private readonly runbooks: Record<string, string>,
    private readonly automatic: boolean,
    private readonly services: string,
    private readonly changes: Changes,
  ) {}

  /**
   * `runbooks`: what its plan has besides the shipped ones, as YAML by slug. `automatic`: it lets Muster fail over by itself.
   * `services`: what its plan has besides the shipped ones, as YAML. `changes`: what its plan says otherwise.
   */
  static async open(
    database: Database = "sqlite",
    runbooks: Record<string, string> = {},
    automatic = false,
    services = "",
    changes: Changes = {},
  ): Promise<House> {
    const folder = await mkdtemp(join(tmpdir(), "muster-house-"));
    // The database servers run as another user when root runs the tests: the folder must let them pass.
    await chmod(folder, 0o755);
    const house = new House(folder, await freeBase(57400), database, runbooks, automatic, services, changes);
    try {
      await house.start();
    } catch (error) {
      await house.close();
      throw error;
    }
    return house;
  }

  /** The address of the lab's app: the platform that Muster looks after. */
  get app(): string {
    return `http://127.0.0.1:${this.base + 80}`;
  }

  /** The address of the lab's outside world: what people and their machines receive. */
  get outside(): string {
    return `http://127.0.0.1:${this.base + 82}`;
  }

  async lab(...words: string[]): Promise<string> {
    return (await run(musterLab, [...words, "--control", this.control])).stdout;
  }

  /** Breaks something, and says when that was. */
  async break(fault: "db" | "replica" | "app" | "proxy" | "network"): Promise<number> {
    await this.lab("break", fault);
    return Date.now();
  }

  /** A one-time sign-in link. */
  async signin(name: string, role: Role = "commander"): Promise<string> {
    return this.muster("signin", ...this.data, "--name", name, "--role", role, "--url", this.url);
  }

  /** A token for programs. */
  async token(name: string, role: Role): Promise<string> {
    return this.muster("token", "create", ...this.data, "--name", name, "--role", role);
  }

  /** What a program with this token reads from the REST interface, or is answered there. */
  async api<T>(token: string, path: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    const request = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
    const answer = await fetch(`${this.url}/api/v1${path}`, request);
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** Takes everything down, and forgets it. */
  async close(): Promise<void> {
    if (this.server) await stop(this.server);
    await run(musterLab, ["down", "--dir", join(this.folder, "lab")]);
    await this.cluster?.stop();
    if (!process.env.HOUSE_KEEP) await rm(this.folder, { recursive: true, force: true });
  }

  private get control(): string {
    return `http://127.0.0.1:${this.base + 81}`;
  }

  private get data(): string[] {
    const data = ["--data", join(this.folder, "data")];
    return this.cluster ? [...data, "--database-url", this.cluster.url] : data;
  }

  private async muster(...words: string[]): Promise<string> {
    return (await run(muster, words)).stdout.trim();
  }

  private async start(): Promise<void> {
    const lab = join(this.folder, "lab");
    await run(musterLab, ["up", "--dir", lab, "--base-port", String(this.base)]);
    if (this.database === "postgres") this.cluster = await Cluster.start(join(this.folder, "cluster"));
    await this.movePlan();

    const secrets = variables(await readFile(join(lab, "secrets.env"), "utf8"));
    const log = openSync(join(this.folder, "muster.log"), "w");
    const server = spawn(muster, ["serve", "--plan", join(this.folder, "plan"), ...this.data, "--listen", "127.0.0.1:0"], {
      env: { ...process.env, ...secrets, MUSTER_LAB_URL: this.control },
      stdio: ["ignore", "pipe", log],
    });
    closeSync(log);
    this.server = server;
    this.link = await said(server, /(http:\S+\/signin\?token=\S+)/, () => readFile(join(this.folder, "muster.log"), "utf8"));
    this.url = new URL(this.link).origin;
  }

  /** The shipped plan, with this lab's ports for those of the lab that it names. */
  private async movePlan(): Promise<void> {
    const plan = join(this.folder, "plan");
    await cp(resolve(process.env.MUSTER_PLAN ?? join(here, "../plan")), plan, { recursive: true });
    for (const file of ["targets.yaml", "services.yaml"]) {
      const text = await readFile(join(plan, file), "utf8");
      await writeFile(join(plan, file), text.replace(/\b554(\d\d)\b/g, (_, port) => String(this.base + Number(port))));
    }
    if (this.automatic) {
      const file = join(plan, "failover.yaml");
      await writeFile(file, (await readFile(file, "utf8")).replace("automatic: false", "automatic: true"));
    }
    for (const [file, change] of Object.entries(this.changes)) {
      const text = typeof change === "string" ? change : await readFile(join(plan, file), "utf8");
      await writeFile(join(plan, file), typeof change === "string" ? text : replaced(text, change));
    }
    if (this.services) await appendFile(join(plan, "services.yaml"), `\n${this.services}\n`);
    for (const [slug, text] of Object.entries(this.runbooks)) await writeFile(join(plan, "runbooks", `${slug}.yaml`), text);
  }
}

/** A PostgreSQL of Muster's own, beside the lab's. */
class Cluster {
  private constructor(
    private readonly control: string,
    private readonly folder: string,
    readonly url: string,
  ) {}

  static async start(folder: string): Promise<Cluster> {
    const programs = await postgresPrograms();
    const port = await freePort();
    await mkdir(folder);
    const user = await databaseUser();
    if (user) await chown(folder, user.uid, user.gid);
    await asDatabaseUser(join(programs, "initdb"), "-D", join(folder, "data"), "-U", "muster", "-A", "trust", "--no-sync", "-E", "UTF8");
    const options = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1`;
    const control = join(programs, "pg_ctl");
    await asDatabaseUser(control, "start", "-w", "-D", join(folder, "data"), "-l", join(folder, "log"), "-o", options);
    const cluster = new Cluster(control, folder, `postgres://muster@127.0.0.1:${port}/muster`);
    await asDatabaseUser(join(programs, "createdb"), "-h", "127.0.0.1", "-p", String(port), "-U", "muster", "muster");
    return cluster;
  }

  async stop(): Promise<void> {
    await asDatabaseUser(this.control, "stop", "-m", "fast", "-D", join(this.folder, "data"));
  }
}

/** Where Debian keeps PostgreSQL's server programs: the newest of them. */
async function postgresPrograms(): Promise<string> {
  const root = "/usr/lib/postgresql";
  const versions = (await readdir(root)).map(Number).filter(Number.isFinite);
  return join(root, String(Math.max(...versions)), "bin");
}

/** PostgreSQL refuses to run as root: then it runs as its own user. */
async function databaseUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const number = async (flag: string) => Number((await run("id", [flag, "postgres"])).stdout);
  return { uid: await number("-u"), gid: await number("-g") };
}

async function asDatabaseUser(program: string, ...words: string[]): Promise<void> {
  const become = (await databaseUser()) ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : [];
  const [first, ...rest] = [...become, program, ...words];
  // pg_ctl hands its output on to the server it starts: it must not be a pipe that we wait for.
  const child = spawn(first, rest, { stdio: "ignore", cwd: "/" });
  const code = await new Promise((done, fail) => child.once("error", fail).once("exit", done));
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

/** Waits until a program says what is looked for. */
function said(program: ChildProcess, wanted: RegExp, log: () => Promise<string>): Promise<string> {
  return new Promise((done, fail) => {
    let text = "";
    program.stdout?.on("data", (part: Buffer) => {
      text += part.toString();
      const found = wanted.exec(text);
      if (!found) return;
      program.removeAllListeners("exit").removeAllListeners("error");
      done(found[1]);
    });
    program.once("error", fail);
    program.once("exit", async (code) => fail(new Error(`muster serve ended with ${code}:\n${await log()}`)));
  });
}

/** Asks a program to end, and makes it end where it does not. */
async function stop(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  const ended = new Promise((done) => program.once("exit", done));
  program.kill("SIGTERM");
  const late = setTimeout(() => program.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(late);
}

/** What is to be replaced must be there. */
function replaced(text: string, pairs: [string, string][]): string {
  return pairs.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the plan does not say ${JSON.stringify(from)}`);
    return text.replace(from, to);
  }, text);
}

function variables(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => /^\w+=/.test(line));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once("error", () => done(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => done(true)));
  });
}

/** The first base port from which the lab finds all of its ports free. */
async function freeBase(from: number): Promise<number> {
  for (let base = from; base < from + 2000; base += 100) {
    const free = await Promise.all(LAB_PORTS.map((port) => isFree(base + port)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no free ports for a lab from ${from} on`);
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer().once("error", fail);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (address && typeof address === "object" ? done(address.port) : fail(new Error("no port"))));
    });
  });
}
