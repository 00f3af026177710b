"""A wandb server on 127.0.0.1 for the real wandb client: it keeps what it is given, and can go away.

with WandBEndpoint() as server:
    server.is_dead = True
"""

import json
import re
import threading

from loopback import serve

STREAM = "/files/"
UPLOAD = "/upload/"


class WandBEndpoint:
    """`history`: lines of the run's history as they were given; `exit_codes`: how it ended."""

    def __init__(self):
        self.is_dead = False
        self.history = {}  # run id -> line number -> row
        self.exit_codes = []
        self.config = {}
        self.uploads = {}  # name -> bytes
        self.asked = []  # names of the questions
        self.bodies = []  # all that was sent
        self.lock = threading.Lock()

    def __enter__(self):
        self.web = serve({"/*": self._answer})
        self.web.__enter__()
        self.url = self.web.url
        return self

    def __exit__(self, *error):
        self.web.__exit__(*error)

    def metrics(self, key) -> dict[int, float]:
        """Step -> value of one metric, of all runs."""
        found = {}
        for lines in self.history.values():
            for row in lines.values():
                if key in row:
                    found[row["_step"]] = row[key]
        return found

    def _answer(self, call):
        with self.lock:
            if self.is_dead:
                return call.answer(503)
            self.bodies.append(call.seen.body)
            path = call.seen.path
            if path == "/graphql":
                return call.answer(200, json.dumps({"data": self._says(call)}).encode())
            if path.startswith(UPLOAD):
                self.uploads[path.removeprefix(UPLOAD)] = call.seen.body
                return call.answer(200)
            if path.startswith(STREAM):
                self._keep(path.split("/")[4], json.loads(call.seen.body))
            call.answer(200, b"{}")

    def _keep(self, run, given):
        """Keep lines of a file stream where the client says that they belong."""
        lines = self.history.setdefault(run, {})
        part = (given.get("files") or {}).get("wandb-history.jsonl")
        if part:
            for i, line in enumerate(part["content"]):
                lines[part["offset"] + i] = json.loads(line)
        if given.get("complete"):
            self.exit_codes.append(given["exitcode"])

    def _says(self, call):
        question = json.loads(call.seen.body)
        name = re.search(r"\b(?:query|mutation)\s+(\w+)", question["query"])[1]
        self.asked.append(name)
        answer = getattr(self, f"_{name}", None)
        return answer(question.get("variables") or {}) if answer else {}

    def _bucket(self, run):
        lines = self.history.get(run, {})
        last = [lines[max(lines)]] if lines else []
        return {
            "id": run,
            "name": run,
            "displayName": run,
            "config": "{}",
            "wandbConfig": '{"t": 1}',
            "summaryMetrics": json.dumps(last[0] if last else {}),
            "historyTail": json.dumps([json.dumps(row) for row in last]),
            "eventsTail": "[]",
            "historyLineCount": len(lines),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "tags": [],
            "project": {"id": "p", "name": "toy", "entity": {"id": "e", "name": "me"}},
        }

    def _UpsertBucket(self, given):
        run = given["name"]
        is_new = run not in self.history
        self.history.setdefault(run, {})
        self.config = json.loads(given["config"] or "{}")
        return {"upsertBucket": {"bucket": self._bucket(run), "inserted": is_new}}

    def _Viewer(self, given):
        teams = {"edges": [{"node": {"name": "me"}}]}
        who = {
            "id": "e",
            "entity": "me",
            "username": "me",
            "name": "me",
            "email": "",
            "flags": "{}",
        }
        return {"viewer": {**who, "admin": False, "teams": teams, "apiKeys": {"edges": []}}}

    def _ArtifactType(self, given):
        return {"project": None}

    def _RunResumeStatus(self, given):
        run = given["name"]
        bucket = self._bucket(run) if run in self.history else None
        return {"model": {"id": "p", "name": "toy", "entity": {"id": "e"}, "bucket": bucket}}

    def _CreateRunFiles(self, given):
        files = [self._place(name) for name in given["files"]]
        return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}

    def _place(self, name):
        return {"name": name, "uploadUrl": f"{self.url}{UPLOAD}{name}"}

    def _CreateArtifact(self, given):
        sequence = {"id": "s", "latestArtifact": None}
        artifact = {"id": "a", "digest": given.get("digest"), "state": "PENDING", "aliases": []}
        return {"createArtifact": {"artifact": {**artifact, "artifactSequence": sequence}}}

    def _CreateArtifactManifest(self, given):
        place = {"id": "f", "name": "m", "displayName": "m", "uploadHeaders": []}
        manifest = {"id": "m", "file": {**place, "uploadUrl": f"{self.url}{UPLOAD}manifest"}}
        return {"createArtifactManifest": {"artifactManifest": manifest}}

    def _UpdateArtifactManifest(self, given):
        place = {"id": "f", "name": "m", "displayName": "m", "uploadHeaders": []}
        manifest = {"id": "m", "file": {**place, "uploadUrl": f"{self.url}{UPLOAD}manifest"}}
        return {"updateArtifactManifest": {"artifactManifest": manifest}}

    def _CreateArtifactFiles(self, given):
        edges = []
        for asked in given["input"]["artifactFiles"]:
            node = {
                "id": asked["name"],
                "name": asked["name"],
                "displayName": asked["name"],
                "storagePath": asked["name"],
                "uploadUrl": f"{self.url}{UPLOAD}{asked['name']}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": "a"},
            }
            edges.append({"node": node})
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _CommitArtifact(self, given):
        return {"commitArtifact": {"artifact": {"id": "a", "digest": "d"}}}
