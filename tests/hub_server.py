"""A hub on this machine that speaks as much of the real one's language as a download needs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """One repository.

    Parameters
    ----------
    files : dict of str to bytes
        What it holds.
    licence : str
        As its card says.
    gated : bool
        Whether it is given only to those who agreed to its licence on the hub.
    pause : float
        Seconds between two pieces of a large file.
    """

    def __init__(self, files, licence="mit", gated=False, pause=0.0):
        self.repo = "owner/model"
        self.files = files
        self.licence = licence
        self.gated = gated
        self.pause = pause
        self.spoil = ""
        self.sent: list[str] = []
        self.agents: set[str] = set()

    def etag(self, name):
        content = self.files[name]
        if name.endswith((".safetensors", ".bin")):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def info(self):
        return {
            "id": self.repo,
            "modelId": self.repo,
            "sha": COMMIT,
            "cardData": {"license": self.licence},
            "tags": [],
            "siblings": [{"rfilename": name} for name in self.files],
        }

    def tree(self):
        rows = []
        for name, content in self.files.items():
            row = {"type": "file", "path": name, "size": len(content), "oid": self.etag(name)}
            if len(row["oid"]) == 64:
                row["lfs"] = {"oid": row["oid"], "size": len(content), "pointerSize": 130}
                row["oid"] = "f" * 40
            rows.append(row)
        return rows


def _handler(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer(with_body=False)

        def do_GET(self):
            self.answer(with_body=True)

        def answer(self, with_body):
            hub.agents.add(self.headers.get("User-Agent", ""))
            path = urlparse(self.path).path
            if path == f"/api/models/{hub.repo}/revision/main":
                self.json(hub.info())
            elif path == f"/api/models/{hub.repo}/tree/{COMMIT}":
                self.json(hub.tree())
            elif path.startswith(f"/{hub.repo}/resolve/"):
                self.file(path.split("/", 5)[5], with_body)
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def json(self, value):
            if hub.gated:
                self.send_response(403)
                self.send_header("X-Error-Code", "GatedRepo")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def file(self, name, with_body):
            content = hub.files[name]
            self.send_response(200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hub.etag(name)}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if not with_body:
                return
            hub.sent.append(name)
            if name == hub.spoil:
                content = bytes(len(content))
            for start in range(0, len(content), 1 << 16):
                try:
                    self.wfile.write(content[start : start + (1 << 16)])
                    self.wfile.flush()
                except OSError:  # the other side has gone
                    return
                time.sleep(hub.pause)

    return Handler


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    """Serve a hub; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
