"""A Hugging Face Hub on the loopback interface, so that the real client can be tried.

It speaks the routes that huggingface_hub uses for models: resolve (HEAD and GET, with ranges),
repository info, creation, LFS and commits. It also serves plain files under `/files/`. It can be
told to misbehave (`fault`), and it remembers what it was asked (`requests`).
"""

import base64
import gzip
import hashlib
import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LFS_SUFFIXES = (".safetensors", ".bin", ".h5", ".keras")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_blob_sha1(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


class HubServer:
    """A hub in a thread. Use as a context manager; `url` goes into `HF_ENDPOINT`."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token  # asked for on everything that writes, and on private repositories
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}  # repo -> commit -> files
        self.private: set[str] = set()
        self.messages: list[tuple[str, str]] = []  # (repo, summary) of the commits received
        self.files: dict[str, bytes] = {}  # plain files, by name
        self.file_headers: dict[str, dict[str, str]] = {}
        self.store: dict[str, bytes] = {}  # LFS objects
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.stalled = threading.Event()  # set when a response hangs
        self.release = threading.Event()  # lets hanging responses go
        self.statuses: dict[tuple[str, str], int] = {}  # (method, ending) -> refused so
        self.spoilt: dict[str, str] = {}  # headers that are not what they should be
        self._faults: list[list[Any]] = []
        self._lock = threading.Lock()
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "HubServer":
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, repo: str, files: Mapping[str, bytes]) -> str:
        """A commit that adds or replaces files; returns its hash."""
        commits = self.repos.setdefault(repo, {})
        tree = {**(list(commits.values())[-1] if commits else {}), **files}
        text = f"{repo} {len(commits)} {sorted((n, sha256(d)) for n, d in tree.items())}"
        commit = hashlib.sha1(text.encode()).hexdigest()
        commits[commit] = tree
        return commit

    def head(self, repo: str) -> str:
        return list(self.repos[repo])[-1]

    def fault(self, ending: str, kind: str, times: int | None = None) -> None:
        """Spoil GET responses for paths that end so: the first `times`, or all.

        Kinds: `"corrupt"` (a flipped byte), `"cut"` (the connection ends half-way), `"short"` (half
        the file, presented as if whole), `"stall"` (half the file, then silence), `"drip"` (a byte
        every 0.2 s), `"slow"` (forty pieces in a second), `"gzip"` (a hundred times the file,
        packed, as is the web's way to send text).
        """
        self._faults.append([ending, kind, times])

    def take_fault(self, path: str) -> str | None:
        with self._lock:
            for fault in self._faults:
                if path.endswith(fault[0]) and fault[2] != 0:
                    if fault[2] is not None:
                        fault[2] -= 1
                    return fault[1]
        return None

    def count(self, method: str, ending: str) -> int:
        return sum(m == method and p.endswith(ending) for m, p, _ in self.requests)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_hub: HubServer

    ROUTES = (
        ("GET", r"/files/(?P<name>[^/]+)", "plain"),
        ("GET", r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<name>.+)", "resolve"),
        ("GET", r"/api/models/(?P<repo>[^/]+/[^/]+)(/revision/(?P<rev>[^/]+))?", "info"),
        ("POST", r"/api/repos/create", "create"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("POST", r"/api/models/(?P<repo>[^/]+/[^/]+)/preupload/(?P<rev>[^/]+)", "preupload"),
        ("POST", r"/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch", "batch"),
        ("PUT", r"/lfs/(?P<oid>[0-9a-f]+)", "upload"),
        ("POST", r"/lfs/verify", "verify"),
        ("POST", r"/api/models/(?P<repo>[^/]+/[^/]+)/commit/(?P<rev>[^/]+)", "commit"),
    )

    def log_message(self, *_: Any) -> None:
        pass

    def route(self) -> None:
        hub, path = self.server_hub, unquote(urlsplit(self.path).path)
        self.body = self.read_body()
        hub.requests.append((self.command, path, dict(self.headers)))
        if (self.command, "silence") in hub.statuses:
            hub.release.wait(60)
            return
        for (method, ending), status in hub.statuses.items():
            if method == self.command and path.endswith(ending):
                self.json(status, {"error": "no"})
                return
        wanted = "GET" if self.command == "HEAD" else self.command
        for method, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, path)
            if method == wanted and match:
                private = match.groupdict().get("repo") in hub.private
                if (method in ("POST", "PUT") or private) and not self.authorised(path):
                    # The Hub hides whether a private repository exists.
                    self.json(401, {"error": "Unauthorized"}, {"X-Error-Code": "RepoNotFound"})
                else:
                    getattr(self, name)(**match.groupdict())
                return
        self.json(404, {"error": f"no route for {self.command} {path}"})

    do_GET = do_HEAD = do_POST = do_PUT = route  # noqa: N815 (names asked for by http.server)

    def authorised(self, path: str) -> bool:
        token = self.server_hub.token
        signed = path.startswith("/lfs/") or path.endswith("validate-yaml")
        return token is None or signed or self.headers.get("Authorization") == f"Bearer {token}"

    def read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def json(self, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
        raw = json.dumps(value).encode()
        self.send_response(status)
        for key, text in (headers or {}).items():
            self.send_header(key, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def data(self, data: bytes, headers: Mapping[str, str]) -> None:
        """A file, or the part that was asked for, spoilt as ordered."""
        path = unquote(urlsplit(self.path).path)
        kind = self.server_hub.take_fault(path) if self.command == "GET" else None
        if kind == "corrupt":
            data = data[:-1] + bytes([data[-1] ^ 1])
        elif kind == "short":
            data = data[: len(data) // 2]
        packed = gzip.compress(data * 100) if kind == "gzip" else None
        first = 0
        if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            first = int(match[1])
        part = data[first:]
        self.send_response(206 if match else 200)
        if match:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        for key, text in {**headers, **self.server_hub.spoilt}.items():
            self.send_header(key, text)
        if packed is not None:
            part = packed
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind == "drip":
            self.close_connection = True
            for i in range(len(part)):
                if self.server_hub.release.wait(0.2):
                    return
                self.wfile.write(part[i : i + 1])
            return
        if kind == "slow":
            size = -(-len(data) // 40)
            while part and not self.server_hub.release.wait(0.025):
                self.wfile.write(part[:size])
                part = part[size:]
            return
        if kind in ("cut", "stall"):
            part = part[: len(part) // 2]
            self.wfile.write(part)
            self.wfile.flush()
            self.close_connection = True
            if kind == "stall":
                self.server_hub.stalled.set()
                self.server_hub.release.wait(60)
        else:
            self.wfile.write(part)

    def plain(self, name: str) -> None:
        data = self.server_hub.files.get(name)
        if data is None:
            self.json(404, {})
        else:
            self.data(data, self.server_hub.file_headers.get(name, {}))

    def tree(self, repo: str, rev: str | None) -> tuple[str, dict[str, bytes]] | None:
        commits = self.server_hub.repos.get(repo)
        if commits is None:
            self.json(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        commit = self.server_hub.head(repo) if rev in (None, "main") else rev
        if commit not in commits:
            code = {"X-Error-Code": "RevisionNotFound"}
            self.json(404, {"error": "Invalid rev id"}, code)
            return None
        return commit, commits[commit]

    def resolve(self, repo: str, rev: str, name: str) -> None:
        if (found := self.tree(repo, rev)) is None:
            return
        commit, files = found
        headers = {"X-Repo-Commit": commit}
        if name not in files:
            self.json(
                404, {"error": "Entry not found"}, {**headers, "X-Error-Code": "EntryNotFound"}
            )
            return
        data = files[name]
        headers["ETag"] = f'"{git_blob_sha1(data)}"'
        if name.endswith(LFS_SUFFIXES):
            headers |= {"X-Linked-Etag": f'"{sha256(data)}"', "X-Linked-Size": str(len(data))}
        self.data(data, headers)

    def info(self, repo: str, rev: str | None) -> None:
        if (found := self.tree(repo, rev)) is not None:
            commit, files = found
            siblings = [{"rfilename": name} for name in files]
            private = repo in self.server_hub.private
            self.json(200, {"id": repo, "sha": commit, "private": private, "siblings": siblings})

    def create(self) -> None:
        order = json.loads(self.body)
        repo = "/".join(filter(None, (order.get("organization") or "me", order["name"])))
        url = {"url": f"{self.server_hub.url}/{repo}"}
        if repo in self.server_hub.repos:
            self.json(409, {"error": "You already created this model repo", **url})
            return
        if order.get("private") or order.get("visibility") == "private":
            self.server_hub.private.add(repo)
        self.server_hub.add(repo, {".gitattributes": b"*.safetensors filter=lfs\n"})
        self.json(200, {**url, "id": repo, "name": repo})

    def validate(self) -> None:
        card = json.loads(self.body)["content"]
        valid = re.match(r"---\n.+?\n---\n", card, re.DOTALL)
        errors = [] if valid else [{"message": "no metadata"}]
        self.json(200 if valid else 400, {"errors": errors, "warnings": []})

    def preupload(self, repo: str, rev: str) -> None:
        if self.tree(repo, rev) is None:
            return
        answer = []
        for file in json.loads(self.body)["files"]:
            mode = "lfs" if file["path"].endswith(LFS_SUFFIXES) else "regular"
            answer.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False})
        self.json(200, {"files": answer})

    def batch(self, repo: str) -> None:
        objects = []
        for item in json.loads(self.body)["objects"]:
            actions = {
                "upload": {"href": f"{self.server_hub.url}/lfs/{item['oid']}", "header": {}},
                "verify": {"href": f"{self.server_hub.url}/lfs/verify", "header": {}},
            }
            known = item["oid"] in self.server_hub.store
            objects.append({**item, **({} if known else {"actions": actions})})
        self.json(200, {"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        if sha256(self.body) != oid:
            self.json(400, {"error": "wrong content"})
            return
        self.server_hub.store[oid] = self.body
        self.json(200, {})

    def verify(self) -> None:
        item = json.loads(self.body)
        known = len(self.server_hub.store.get(item["oid"], b"")) == item["size"]
        self.json(200 if known else 404, {})

    def commit(self, repo: str, rev: str) -> None:
        if self.tree(repo, rev) is None:
            return
        files: dict[str, bytes] = {}
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                self.server_hub.messages.append((repo, value["summary"]))
            elif item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.server_hub.store[value["oid"]]
        commit = self.server_hub.add(repo, files)
        url = f"{self.server_hub.url}/{repo}/commit/{commit}"
        self.json(200, {"success": True, "commitOid": commit, "commitUrl": url})
