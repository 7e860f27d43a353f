"""The same with libraries of another language: read.py BASE FOLDER CACHE."""

import json
import logging
import os
import sys
import urllib.request

base, folder, cache = sys.argv[1:4]
sys.path.insert(0, folder)
# The exporter looks for its settings, and keeps what it saw, where it stands.
os.chdir(cache)
with open("services.json", "w") as settings:
    json.dump({}, settings)
logging.disable(logging.CRITICAL)

import feedparser
import icalendar
from statuspage_prometheus_exporter import service_checker


def text(path):
    return urllib.request.urlopen(base + path).read()


exporter = service_checker.check_service_status("muster", {"url": f"{base}/api/v2/summary.json", "name": "Muster", "type": "status_page"})

feeds = {}
for name, path in [("atom", "/history.atom"), ("rss", "/history.rss")]:
    feed = feedparser.parse(text(path))
    feeds[name] = {
        # It says of itself whether it had to guess.
        "guessed": feed.bozo,
        "version": feed.version,
        "entries": [{"id": e.id, "title": e.title, "link": e.link, "text": e.get("content", [{}])[0].get("value") or e.get("summary")} for e in feed.entries],
    }

calendar = icalendar.Calendar.from_ical(text("/status/maintenance.ics"))
windows = [
    {
        "uid": str(event["UID"]),
        "summary": str(event["SUMMARY"]),
        "begins": event["DTSTART"].dt.isoformat(),
        "ends": event["DTEND"].dt.isoformat(),
        "sequence": int(event["SEQUENCE"]),
        "status": str(event["STATUS"]),
        "errors": [str(error) for error in event.errors],
    }
    for event in calendar.walk("VEVENT")
]
json.dump({"exporter": exporter, "feeds": feeds, "windows": windows, "errors": [str(e) for e in calendar.errors]}, sys.stdout)
