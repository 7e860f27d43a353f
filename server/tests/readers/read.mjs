// Reads the public documents with libraries that others have written, and says as JSON what each has understood.
// read.mjs BASE FOLDER: the server, and the folder in which the libraries are installed.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [base, folder] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const load = async (name) => import(pathToFileURL(require.resolve(name)).href);
const text = async (path) => (await fetch(base + path)).text();

const { Statuspage } = require("statuspage.io");
const client = new Statuspage("muster");
client.setApiUrl(base);
const api = client.api;
const statuspage = {
  summary: await api.getSummary(),
  status: await api.getStatus(),
  components: await api.getComponents(),
  incidents: await api.incidents.getAll(),
  unresolved: await api.incidents.getUnresolved(),
  upcoming: await api.scheduledMaintenances.getUpcoming(),
};

const { parseAtomFeed, parseRssFeed, parseJsonFeed } = await load("feedsmith");
const feeds = {
  atom: parseAtomFeed(await text("/history.atom")),
  rss: parseRssFeed(await text("/history.rss")),
  json: parseJsonFeed(await text("/status/feed.json")),
};

const ical = await load("ical.js");
const ICAL = ical.default ?? ical;
const calendar = new ICAL.Component(ICAL.parse(await text("/status/maintenance.ics")));
const events = calendar.getAllSubcomponents("vevent").map((event) => new ICAL.Event(event));
const windows = events.map((event) => ({
  uid: event.uid,
  summary: event.summary,
  begins: event.startDate.toJSDate().toISOString(),
  ends: event.endDate.toJSDate().toISOString(),
  sequence: event.sequence,
  status: event.component.getFirstPropertyValue("status"),
}));

console.log(JSON.stringify({ statuspage, feeds, windows }));
