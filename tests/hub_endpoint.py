"""A Hub on 127.0.0.1, for tests: as much of the Hugging Face Hub's HTTP as the real client asks for.

It makes a repository, takes a commit (small files in it, large ones by LFS), tells of a model or data set, and hands
files out (ETag, Range, by commit or branch). Its routes may be changed, to answer as no Hub should:

    with hub() as web:
        web.env                                    # for a process: HF_ENDPOINT, HF_HOME, ..
        web.repos["model", "me/toy"].files         # path -> bytes, of the newest commit
        web.routes["/api/models/me/toy"] = status(503)
"""

import base64
import hashlib
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field

from loopback import file, serve, status

TOKEN = "hf_ThisIsTheSecretOfTheTests"
LARGE = (
    ".safetensors",
    ".onnx",
    ".png",
    ".pkl",
    ".bin",
)  # kept by LFS, as the Hub's .gitattributes have it
KINDS = {"models": "model", "datasets": "dataset"}
INFO = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/revision/(.+))?")
PREUPLOAD = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)/preupload/(.+)")
COMMIT = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)/commit/(.+)")
TREE = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)/tree/([^/]+)(?:/(.*))?")
BATCH = re.compile(r"/(datasets/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch")
RESOLVE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


def git_oid(data: bytes) -> str:
    "The name that git gives a file."
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Repo:
    "A repository: each commit has all its files."

    private: bool = True
    commits: dict = field(default_factory=dict)  # oid -> {path: bytes}
    messages: list = field(default_factory=list)
    branches: dict = field(default_factory=dict)  # name -> oid

    def commit(self, files: dict, message="a commit", branch="main") -> str:
        "Add a commit that holds exactly `files`; its oid."
        seed = json.dumps([len(self.commits), {k: git_oid(v) for k, v in files.items()}])
        oid = hashlib.sha1(seed.encode()).hexdigest()
        self.commits[oid], self.branches[branch] = dict(files), oid
        self.messages.append(message)
        return oid

    @property
    def head(self) -> str:
        return self.branches["main"]

    @property
    def files(self) -> dict:
        return self.commits[self.head]

    def at(self, revision):
        "The commit that a revision is; None where there is none."
        oid = self.branches.get(revision or "main", revision)
        return oid if oid in self.commits else None


class Hub:
    "All repositories, and the answer to each request."

    def __init__(self, token: str):
        self.token, self.repos, self.lfs, self.web = token, {}, {}, None
        self.is_public = False  # whether reading takes no token

    def repo(self, name: str, files: dict, kind="model", private=True) -> Repo:
        "A repository with one commit."
        made = self.repos[kind, name] = Repo(private)
        made.commit(files)
        return made

    # ---- what is asked

    def answer(self, call):
        seen = call.seen
        if seen.path.startswith("/lfs/"):
            return self._store(call)
        if seen.headers.get("Authorization") != f"Bearer {self.token}" and not self._is_open(seen):
            return status(401, b"{}", X_Error_Message="Invalid username or password.")(call)
        for pattern, does in (
            (COMMIT, self._commit), (PREUPLOAD, self._preupload), (INFO, self._info),
            (TREE, self._tree), (BATCH, self._batch), (RESOLVE, self._resolve),
        ):  # fmt: skip
            found = pattern.fullmatch(seen.path)
            if found:
                return does(call, *found.groups())
        if seen.path == "/api/repos/create":
            return self._create(call)
        if seen.path == "/api/validate-yaml":
            return tell(call, {"errors": [], "warnings": []})
        return status(404, b"{}")(call)

    def _is_open(self, seen) -> bool:
        return self.is_public and seen.method in ("GET", "HEAD")

    def _create(self, call):
        asked = json.loads(call.seen.body)
        name = (
            f"{asked['organization']}/{asked['name']}"
            if asked.get("organization")
            else f"me/{asked['name']}"
        )
        key = (asked.get("type") or "model", name)
        if key in self.repos:
            return tell(call, {"error": "You already created this repo"}, 409)
        made = self.repos[key] = Repo(
            asked.get("visibility") == "private" or asked.get("private") is True
        )
        made.commit({".gitattributes": b"*.png filter=lfs\n"}, "initial commit")
        tell(call, {"url": f"{self.web.url}/{name}", "name": name})

    def _known(self, call, kind, name):
        "The repository, or None once its absence was told."
        repo = self.repos.get((KINDS[kind], name))
        if repo is None:
            status(404, b"{}", X_Error_Code="RepoNotFound")(call)
        return repo

    def _info(self, call, kind, name, revision):
        repo = self._known(call, kind, name)
        if repo is None:
            return None
        oid = repo.at(revision)
        if oid is None:
            return status(404, b"{}", X_Error_Code="RevisionNotFound")(call)
        siblings = [sibling(path, data) for path, data in sorted(repo.commits[oid].items())]
        tell(call, {"id": name, "sha": oid, "private": repo.private, "gated": False, "tags": [],
                    "downloads": 0, "likes": 0, "siblings": siblings})  # fmt: skip

    def _tree(self, call, kind, name, revision, below):
        repo = self._known(call, kind, name)
        if repo is None:
            return
        told, folder, folders = [], f"{below}/" if below else "", set()
        is_deep = call.seen.query.get("recursive") == ["true"]
        for path, data in sorted(repo.commits[repo.at(revision)].items()):
            if not path.startswith(folder):
                continue
            inside = path[len(folder) :].split("/")[:-1]
            for depth in range(1, len(inside) + 1 if is_deep else min(len(inside), 1) + 1):
                folders.add(folder + "/".join(inside[:depth]))
            if inside and not is_deep:
                continue
            entry = {"type": "file", "path": path, "size": len(data), "oid": git_oid(data)}
            if is_large(path):
                entry["lfs"] = {"oid": sha256(data), "size": len(data), "pointerSize": 130}
            told.append(entry)
        told += [
            {"type": "directory", "path": each, "oid": git_oid(each.encode()), "size": 0}
            for each in sorted(folders)
        ]
        tell(call, told)

    def _preupload(self, call, kind, name, revision):
        repo = self._known(call, kind, name)
        if repo is None:
            return
        told = []
        for one in json.loads(call.seen.body)["files"]:
            old = repo.files.get(one["path"])
            oid = None if old is None else sha256(old) if is_large(one["path"]) else git_oid(old)
            mode = "lfs" if is_large(one["path"]) else "regular"
            told.append(
                {"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}
            )
        tell(call, {"files": told})

    def _batch(self, call, is_data, name):
        told = []
        for one in json.loads(call.seen.body)["objects"]:
            actions = {"upload": {"href": f"{self.web.url}/lfs/{one['oid']}"}}
            told.append({**one, **({} if one["oid"] in self.lfs else {"actions": actions})})
        tell(call, {"transfer": "basic", "objects": told})

    def _store(self, call):
        oid = call.seen.path.rpartition("/")[2]
        if sha256(call.seen.body) != oid:
            return tell(call, {"error": "other bytes"}, 400)
        self.lfs[oid] = call.seen.body
        tell(call, {})

    def _commit(self, call, kind, name, revision):
        repo = self._known(call, kind, name)
        if repo is None:
            return
        files, message = dict(repo.files), ""
        for line in call.seen.body.splitlines():
            entry = json.loads(line)
            key, value = entry["key"], entry["value"]
            if key == "header":
                message = value["summary"]
                if value.get("parentCommit") not in (None, repo.head):
                    return tell(call, {"error": "the branch moved"}, 412)
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.lfs[value["oid"]]
            elif key == "deletedFile":
                del files[value["path"]]
        oid = repo.commit(files, message)
        where = f"{self.web.url}/{name}/commit/{oid}"
        tell(call, {"commitUrl": where, "commitOid": oid, "pullRequestUrl": None})

    def _resolve(self, call, is_data, name, revision, path):
        repo = self._known(call, "datasets" if is_data else "models", name)
        if repo is None:
            return
        oid = repo.at(revision)
        if oid is None:
            return status(404, b"", X_Error_Code="RevisionNotFound")(call)
        data = repo.commits[oid].get(path)
        if data is None:
            return status(404, b"", X_Error_Code="EntryNotFound", X_Repo_Commit=oid)(call)
        handed(data, path, oid)(call)


def is_large(path: str) -> bool:
    return path.endswith(LARGE)


def handed(data: bytes, path: str, commit: str, **headers):
    "A file as the Hub hands it out."
    etag = sha256(data) if is_large(path) else git_oid(data)
    return file(data, etag=f'"{etag}"', X_Repo_Commit=commit, **headers)


def sibling(path: str, data: bytes) -> dict:
    "What the Hub tells of a file."
    known = {"rfilename": path, "size": len(data), "blobId": git_oid(data)}
    if is_large(path):
        known["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 130}
    return known


def tell(call, record: dict, code=200):
    call.answer(code, json.dumps(record).encode(), {"Content-Type": "application/json"})


@contextmanager
def hub(home, token=TOKEN):
    "A Hub while the `with` lasts; `home` is the client's folder."
    one = Hub(token)
    with serve({"/*": one.answer}) as web:
        one.web = web
        one.url, one.routes, one.log = web.url, web.routes, web.log
        one.env = {
            "HF_ENDPOINT": web.url,
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN": token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        yield one


def at_hand(monkeypatch, one):
    "Let the client of this process ask that Hub."
    from huggingface_hub import constants

    for name, value in one.env.items():
        monkeypatch.setenv(name, value)
    template = f"{one.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", one.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", one.env["HF_HUB_CACHE"])
    monkeypatch.setattr(constants, "HF_HOME", one.env["HF_HOME"])
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
