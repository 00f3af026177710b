"""openapi.json as the judge of answers: does this answer stand in the contract of this server?"""

import json
from functools import cached_property

from jsonschema import Draft202012Validator
from toy_app import ask


class Contract:
    "The contract of a server that runs."

    def __init__(self, url: str, headers=()):
        self.url = url
        self.headers = dict(headers)

    @cached_property
    def document(self) -> dict:
        status, _, body = ask(self.url, "GET", "/openapi.json", headers=self.headers)
        assert status == 200, body
        return json.loads(body)

    def operation(self, method: str, path: str) -> dict:
        "Of an address as it was asked for."
        path = path.split("?")[0]
        if path.startswith("/static/"):
            path = "/static/{name}"
        return self.document["paths"][path][method.lower()]

    def check(self, method: str, path: str, status: int, headers: dict, body: bytes) -> None:
        "Assert that an answer is one that the contract promises."
        responses = self.operation(method, path)["responses"]
        assert str(status) in responses, f"{method} {path}: {status} is not promised: {body[:200]}"
        response = self.resolved(responses[str(status)])
        for name in response.get("headers", {}):
            assert name.lower() in headers, f"{status} lacks {name}"
        content = response.get("content")
        if content is None:
            return
        media_type = headers["content-type"].split(";")[0].strip()
        known = {name.split(";")[0]: each for name, each in content.items()}
        assert media_type in known, f"{media_type} is not promised"
        if media_type == "application/json":
            self.validate(known[media_type]["schema"], json.loads(body))

    def resolved(self, part: dict) -> dict:
        "What a reference means."
        if "$ref" not in part:
            return part
        found = self.document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found

    def validate(self, schema: dict, told) -> None:
        whole = {**schema, "components": closed(self.document["components"])}
        Draft202012Validator(whole).validate(told)


def closed(part):
    "The same with no room for keys that are not described."
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    made = {name: closed(each) for name, each in part.items()}
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    return made
