"""An MLflow server on 127.0.0.1 for a real MLflow client: it keeps what it is given, and can go away.

with MLflowEndpoint(tmp_path) as server:
    server.dies_at = lambda path, body: "log-batch" in path
"""

import json
import threading

from loopback import serve

API = "/api/2.0/mlflow/"
NO_SUCH_RUN = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"}


class MLflowEndpoint:
    """`batches`: the log-batch requests that were taken; `states`: how runs ended."""

    def __init__(self, artifacts):
        self.artifacts = str(artifacts)
        self.dies_at = lambda path, body: False
        self.lives_at = lambda path, body: False  # where it answers again
        self.is_dead = False
        self.batches = []
        self.states = []
        self.created = 0  # runs
        self.deleted = False  # the run was, by somebody else
        self.unknown = False  # it was never here
        self.lock = threading.Lock()

    def __enter__(self):
        self.web = serve({"/*": self._answer})
        self.web.__enter__()
        self.url = self.web.url
        return self

    def __exit__(self, *error):
        self.web.__exit__(*error)

    def metrics(self, key) -> dict[int, float]:
        """Step -> value of one metric."""
        found = {}
        for batch in self.batches:
            for metric in batch.get("metrics", []):
                if metric["key"] == key:
                    found[int(metric["step"])] = metric["value"]
        return found

    def _answer(self, call):
        path = call.seen.path.removeprefix(API)
        with self.lock:
            if self.dies_at(path, call.seen.body):
                self.is_dead = True
            if self.lives_at(path, call.seen.body):
                self.is_dead = False
                self.dies_at = lambda path, body: False
            if self.is_dead:
                return call.answer(503)
            if self.unknown and path == "runs/get":
                return call.answer(404, json.dumps(NO_SUCH_RUN).encode())
            call.answer(200, json.dumps(self._says(path, call.seen.body)).encode())

    def _says(self, path, body):
        info = dict(
            run_id="r" * 32,
            run_uuid="r" * 32,
            experiment_id="1",
            status="RUNNING",
            start_time=1,
            artifact_uri=self.artifacts,
            lifecycle_stage="active",
            run_name="x",
        )
        if path == "runs/log-batch":
            self.batches.append(json.loads(body))
        if path == "runs/update":
            self.states.append(json.loads(body).get("status"))
            return {"run_info": info}
        if path == "runs/create":
            self.created += 1
        if path == "metrics/get-history":
            metrics = [metric for batch in self.batches for metric in batch.get("metrics", [])]
            return {"metrics": [metric for metric in metrics if metric["key"] == "valid_loss"]}
        if path == "runs/get" and self.deleted:
            info["lifecycle_stage"] = "deleted"
        if path in ("runs/create", "runs/get"):
            return {"run": {"info": info, "data": {}}}
        if path.startswith("experiments/get"):
            experiment = dict(
                experiment_id="1",
                name="toy",
                artifact_location=self.artifacts,
                lifecycle_stage="active",
            )
            return {"experiment": experiment}
        return {}
