"""The operator's requests, as the API server wrote them down."""

import json
from collections import Counter
from datetime import datetime

from cluster import STATE

WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def moment(text):
    """Seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Request:
    def __init__(self, line):
        event = json.loads(line)
        about = event.get("objectRef", {})
        self.verb, self.uri = event["verb"], event["requestURI"]
        self.resource = "/".join(filter(None, [about.get("resource", "discovery"), about.get("subresource")]))
        self.namespace = about.get("namespace")
        self.stage = event["stage"]
        self.at = moment(event["requestReceivedTimestamp"])
        self.milliseconds = (moment(event["stageTimestamp"]) - self.at) * 1000

    def counts(self):
        """A watch is one when it begins."""
        return self.stage == ("ResponseStarted" if self.verb == "watch" else "ResponseComplete")

    def stores(self):
        """Whether it changes anything; Leases are renewed all the time."""
        return self.verb in WRITES and self.resource != "leases" and "dryRun=" not in self.uri

    def lists_all_pods(self):
        return (self.verb, self.resource, self.namespace) == ("list", "pods", None) and not any(
            part in self.uri for part in ("labelSelector", "continue="))


class Requests:
    """Reads on where it stopped the last time."""

    def __init__(self):
        self.offset, self.all = 0, []

    def read(self):
        with open(STATE / "logs/audit.log", encoding="utf-8") as log:
            log.seek(self.offset)
            for line in iter(log.readline, ""):
                if not line.endswith("\n"):
                    break
                self.offset += len(line.encode())
                request = Request(line)
                if request.counts():
                    self.all.append(request)

    def between(self, begin, end):
        self.read()
        return [request for request in self.all if begin <= request.at < end]


def by_kind(requests):
    return Counter((request.verb, request.resource) for request in requests)
