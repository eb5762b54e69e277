"""A small Hugging Face Hub in memory, for the real clients: what reading a dataset needs, on one commit of `main`."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit


class LocalHub(ThreadingHTTPServer):
    """Serves `repos`: {"owner/name": {path: content}}. `asked` holds the requests that came."""

    daemon_threads = True

    def __init__(self, repos: Mapping[str, Mapping[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos = repos
        self.asked: list[str] = []
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
        self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        api = re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?", path)
        file = re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        found = api or file
        files = self.server.repos.get(found[1]) if found else None
        if files is None:
            return self._fail(404, "RepoNotFound")
        commit = sha(sorted(files.items()))
        if file:
            return self._file(files, file[2], file[3], commit)
        assert api
        if api[3] and api[3] not in ("main", commit):
            return self._fail(404, "RevisionNotFound")
        if api[2] == "tree":
            return self._json(_tree(files, api[4] or "", "recursive=true" in urlsplit(self.path).query.lower()))
        if api[2] == "paths-info":
            wanted = self._paths()
            return self._json([entry for entry in _tree(files, "", True) if entry["path"] in wanted])
        siblings = [{"rfilename": name} for name in files]
        return self._json({"id": found[1], "sha": commit, "private": False, "tags": [], "siblings": siblings, "downloads": 0, "likes": 0})

    def _paths(self) -> list[str]:
        try:
            return json.loads(self._body)["paths"]
        except ValueError:
            return re.findall(r"paths=([^&]+)", unquote(self._body.decode()))

    def _file(self, files: Mapping[str, bytes], revision: str, name: str, commit: str) -> None:
        if revision not in ("main", commit):
            return self._fail(404, "RevisionNotFound")
        if name not in files:
            return self._fail(404, "EntryNotFound")
        data = files[name]
        headers = {"ETag": f'"{sha(data)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if part:
            start, end = int(part[1]), min(int(part[2] or len(data)), len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            return self._send(206, data[start : end + 1], headers)
        return self._send(200, data, headers)

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _fail(self, status: int, code: str) -> None:
        self._send(status, json.dumps({"error": code}).encode(), {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _tree(files: Mapping[str, bytes], folder: str, recursive: bool) -> list[dict[str, object]]:
    """The files and folders below `folder`: all of them, or only its own."""
    folders = {name.rsplit("/", depth)[0] for name in files for depth in range(1, name.count("/") + 1)}
    entries = [_entry(name, data) for name, data in files.items()]
    entries += [{"type": "directory", "oid": sha(name), "size": 0, "path": name} for name in sorted(folders)]
    start = f"{folder}/" if folder else ""
    below = [entry for entry in entries if str(entry["path"]).startswith(start)]
    return [entry for entry in below if recursive or "/" not in str(entry["path"])[len(start) :]]


def _entry(name: str, data: bytes) -> dict[str, object]:
    return {"type": "file", "oid": sha(data), "size": len(data), "path": name}
