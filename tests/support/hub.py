"""A small Hugging Face Hub in memory, for the real clients: reading, committing with a parent, large files,
tags; and faults that are planted.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from urllib.parse import unquote, urlsplit

import yaml

WRITER, READER = "hf_writer", "hf_reader"
"""Tokens of somebody who may write, and of somebody who may not."""
CLOSED, CUT = 0, 1
"""In the place of a status: the connection is closed without an answer, or in the middle of one."""


@dataclass
class Repo:
    """A dataset: its commits, oldest first, as (id, files), and its tags."""

    commits: list[tuple[str, dict[str, bytes]]]
    private: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)
    """What pull requests would make of it."""

    @property
    def head(self) -> str:
        return self.commits[-1][0]

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commit = self.head if revision == "main" else self.tags.get(revision, revision)
        return next((one for one in self.commits if one[0] == commit), None)


class LocalHub(ThreadingHTTPServer):
    """Serves `repos`: {"owner/name": {path: content}}. `asked` holds the requests that came; `fail` are
    (pattern, status, times) to plant, `fail_after` such as come after the work is done. Two are no status:
    CLOSED, where nothing comes back, and CUT, where an answer breaks off.
    """

    daemon_threads = True

    def __init__(self, repos: Mapping[str, Mapping[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos = {
            name: Repo([(sha(sorted(files.items())), dict(files))]) for name, files in repos.items()
        }
        self.large: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.fail: list[list] = []
        self.fail_after: list[list] = []
        self.before_commit = lambda name: None
        self.always_public = False
        self.lock = RLock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def local_hub(repos: Mapping[str, Mapping[str, bytes]]) -> Iterator[LocalHub]:
    hub = LocalHub(repos)
    Thread(target=hub.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


def sha(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LocalHub

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        self._fault = None
        if (status := self._planted(self.server.fail, path)) is not None:
            return self._fail(status, "Planted")
        for method, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and self.command in method:
                with self.server.lock:
                    self._fault = self._planted(self.server.fail_after, path)
                    return answer(self, **found.groupdict())
        return self._fail(404, "EntryNotFound")

    def _planted(self, faults: list[list], path: str) -> int | None:
        for planted in faults:
            if planted[2] and re.search(planted[0], f"{self.command} {path}"):
                planted[2] -= 1
                return planted[1]
        return None

    # --- who asks -------------------------------------------------------------------------------------------

    @property
    def _token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def _may_write(self) -> bool:
        if self._token == WRITER:
            return True
        self._fail(403 if self._token == READER else 401, "Forbidden")
        return False

    def _repo(self, name: str, revision: str = "main") -> tuple[Repo, str, dict[str, bytes]] | None:
        repo = self.server.repos.get(name)
        if repo is None or (repo.private and self._token not in (WRITER, READER)):
            return self._fail(404, "RepoNotFound")
        found = repo.at(revision)
        return (repo, *found) if found else self._fail(404, "RevisionNotFound")

    def whoami(self) -> None:
        if self._token in (WRITER, READER):
            return self._json(
                {
                    "name": "tester",
                    "type": "user",
                    "orgs": [],
                    "auth": {"type": "access_token", "accessToken": {"role": "write"}},
                }
            )
        return self._fail(401, "Unauthorized")

    # --- reading --------------------------------------------------------------------------------------------

    def info(self, name: str, revision: str = "main") -> None:
        if (found := self._repo(name, revision)) is None:
            return None
        repo, commit, files = found
        siblings = [{"rfilename": path} for path in files]
        header = _card_header(files.get("README.md", b"").decode())
        return self._json(
            {
                "id": name,
                "sha": commit,
                "private": repo.private,
                "gated": "manual" if "extra_gated_prompt" in header else False,
                "tags": header.get("tags") or [],
                "cardData": header,
                "siblings": siblings,
                "downloads": 0,
                "likes": 0,
            }
        )

    def refs(self, name: str) -> None:
        if (found := self._repo(name)) is None:
            return None
        repo, commit, _ = found
        tags = [
            {"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": target}
            for tag, target in repo.tags.items()
        ]
        return self._json(
            {
                "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": commit}],
                "tags": tags,
                "converts": [],
            }
        )

    def tree(self, name: str, revision: str, folder: str | None = None) -> None:
        if found := self._repo(name, revision):
            self._json(_tree(found[2], folder or "", "recursive=true" in urlsplit(self.path).query.lower()))

    def paths_info(self, name: str, revision: str) -> None:
        if found := self._repo(name, revision):
            wanted = self._paths()
            self._json([entry for entry in _tree(found[2], "", True) if entry["path"] in wanted])

    def _paths(self) -> list[str]:
        try:
            return json.loads(self._body)["paths"]
        except ValueError:
            return re.findall(r"paths=([^&]+)", unquote(self._body.decode()))

    def file(self, name: str, revision: str, path: str) -> None:
        if (found := self._repo(name, revision)) is None:
            return None
        _, commit, files = found
        if path not in files:
            return self._fail(404, "EntryNotFound")
        data = files[path]
        headers = {"ETag": f'"{sha(data)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if part:
            start, end = int(part[1]), min(int(part[2] or len(data)), len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            return self._send(206, data[start : end + 1], headers)
        return self._send(200, data, headers)

    # --- writing --------------------------------------------------------------------------------------------

    def create(self) -> None:
        if not self._may_write():
            return None
        wanted = json.loads(self._body)
        name = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
        if name in self.server.repos:
            return self._json({"error": "exists", "url": f"{self.server.url}/datasets/{name}"}, 409)
        first = {".gitattributes": b""}
        is_private = wanted.get("private") or wanted.get("visibility") == "private"
        self.server.repos[name] = Repo(
            [(sha(name), first)], private=bool(is_private) and not self.server.always_public
        )
        return self._json({"url": f"{self.server.url}/datasets/{name}", "name": name, "id": name})

    def delete(self) -> None:
        if self._may_write():
            wanted = json.loads(self._body)
            self.server.repos.pop(f"{wanted.get('organization') or 'tester'}/{wanted['name']}")
            self._send(200, b"", {})

    def commits(self, name: str, revision: str) -> None:
        if (found := self._repo(name, revision)) is None:
            return None
        ids = [commit for commit, _ in found[0].commits]
        listed = [
            {"id": one, "title": "", "message": "", "date": "2026-01-01T00:00:00.000Z", "authors": []}
            for one in reversed(ids[: ids.index(found[1]) + 1])
        ]
        return self._json(listed)

    def validate(self) -> None:
        self._json({"errors": [], "warnings": []})

    def preupload(self, name: str, revision: str) -> None:
        if self._may_write():
            files = json.loads(self._body)["files"]
            modes = [
                "lfs" if one["path"].endswith((".parquet", ".safetensors")) else "regular" for one in files
            ]
            found = self._repo(name, revision)
            stored = found[2] if found else {}
            answers = [
                {
                    "path": file["path"],
                    "uploadMode": mode,
                    "shouldIgnore": False,
                    "oid": _stored_oid(stored.get(file["path"]), mode),
                }
                for file, mode in zip(files, modes, strict=True)
            ]
            self._json({"files": answers})

    def batch(self, name: str) -> None:
        if self._may_write():
            objects = json.loads(self._body)["objects"]
            upload = lambda oid: {"upload": {"href": f"{self.server.url}/large/{oid}"}}  # noqa: E731
            answers = [
                {**o, "actions": upload(o["oid"])} if o["oid"] not in self.server.large else dict(o)
                for o in objects
            ]
            self._json({"transfer": "basic", "objects": answers})

    def put(self, oid: str) -> None:
        assert hashlib.sha256(self._body).hexdigest() == oid
        self.server.large[oid] = self._body
        self._send(200, b"", {})

    def commit(self, name: str, revision: str) -> None:
        if not self._may_write():
            return None
        self.server.before_commit(name)
        repo = self.server.repos[name]
        lines = [json.loads(line) for line in self._body.splitlines() if line.strip()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, repo.head):
            return self._fail(412, "Stale")
        files = dict(repo.commits[-1][1])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
            elif line["key"] == "deletedFile":
                files.pop(value["path"])
        commit = sha(repo.head, sorted(files.items()), len(repo.commits))
        done = {
            "success": True,
            "commitOid": commit,
            "commitUrl": f"{self.server.url}/datasets/{name}/commit/{commit}",
            "hookOutput": "",
        }
        if "create_pr=1" in self.path:
            repo.requests.append((commit, files))
            return self._json(
                {
                    **done,
                    "pullRequestUrl": f"{self.server.url}/datasets/{name}/discussions/{len(repo.requests)}",
                }
            )
        repo.commits.append((commit, files))
        return self._json(done)

    def tag(self, name: str, revision: str) -> None:
        if not self._may_write():
            return None
        repo, tag = self.server.repos[name], json.loads(self._body)["tag"]
        if tag in repo.tags:
            return self._fail(409, "TagExists")
        repo.tags[tag] = repo.at(revision)[0]
        return self._send(200, b"", {})

    # --- answers --------------------------------------------------------------------------------------------

    def _json(self, value: object, status: int = 200) -> None:
        if self._fault is not None:
            status, self._fault = self._fault, None
            self._fail(status, "Planted")
        else:
            self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _fail(self, status: int, code: str) -> None:
        if status in (CLOSED, CUT):
            if status == CUT:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            self.close_connection = True
            return
        self._send(
            status, json.dumps({"error": code}).encode(), {"X-Error-Code": code, "X-Error-Message": code}
        )

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


_NAME = r"/api/(?:datasets|models)/(?P<name>[^/]+/[^/]+)"
ROUTES = [
    ("GET", r"/api/whoami-v2", _Handler.whoami),
    ("POST", r"/api/repos/create", _Handler.create),
    ("DELETE", r"/api/repos/delete", _Handler.delete),
    ("POST", r"/api/validate-yaml", _Handler.validate),
    ("GET", _NAME + r"/commits/(?P<revision>[^/]+)", _Handler.commits),
    ("GET", _NAME, _Handler.info),
    ("GET", _NAME + r"/refs", _Handler.refs),
    ("GET", _NAME + r"/revision/(?P<revision>[^/]+)", _Handler.info),
    ("GET", _NAME + r"/tree/(?P<revision>[^/]+)(?:/(?P<folder>.*))?", _Handler.tree),
    ("POST", _NAME + r"/paths-info/(?P<revision>[^/]+)", _Handler.paths_info),
    ("POST", _NAME + r"/preupload/(?P<revision>[^/]+)", _Handler.preupload),
    ("POST", _NAME + r"/commit/(?P<revision>[^/]+)", _Handler.commit),
    ("POST", _NAME + r"/tag/(?P<revision>[^/]+)", _Handler.tag),
    ("POST", r"(?:/datasets)?/(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", r"/large/(?P<oid>\w+)", _Handler.put),
    (
        "GET HEAD",
        r"(?:/datasets)?/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        _Handler.file,
    ),
]


def _card_header(card: str) -> dict:
    """The YAML header of a card, which the Hub reads, too."""
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    return (yaml.safe_load(found[1]) or {}) if found else {}


def _tree(files: Mapping[str, bytes], folder: str, recursive: bool) -> list[dict[str, object]]:
    """The files and folders below `folder`: all of them, or only its own."""
    folders = {name.rsplit("/", depth)[0] for name in files for depth in range(1, name.count("/") + 1)}
    entries = [_entry(name, data) for name, data in files.items()]
    entries += [{"type": "directory", "oid": sha(name), "size": 0, "path": name} for name in sorted(folders)]
    start = f"{folder}/" if folder else ""
    below = [entry for entry in entries if str(entry["path"]).startswith(start)]
    return [entry for entry in below if recursive or "/" not in str(entry["path"])[len(start) :]]


def _stored_oid(data: bytes | None, mode: str) -> str | None:
    """What the Hub says that it has at a path, so that a client leaves out what has not changed."""
    if data is None:
        return None
    if mode == "lfs":
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _entry(name: str, data: bytes) -> dict[str, object]:
    return {"type": "file", "oid": sha(data), "size": len(data), "path": name}
