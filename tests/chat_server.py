"""A small server that speaks the chat completions protocol, with faults on demand."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

LABELS = {
    "technique": "SEM",
    "category": "particles",
    "shape": "spherical",
    "arrangement": "dispersed",
    "density": "sparse",
    "size_uniformity": "uniform",
    "contrast": "bright on dark",
    "surface": "smooth",
    "orientation": "none",
    "count": 3,
    "defects": [{"kind": "none visible", "where": "spread"}],
    "scale_bar": "200 nm",
    "annotations": ["(a)"],
    "description": "Three bright spheres lie on a dark ground.",
}
PAIRS = [
    ("How many particles are there?", "3"),
    ("Where is the largest particle?", "At the top left"),
    ("Is there a crack?", "No"),
]


class Brain:
    """Writes what a vision-language model would, and can be told to say otherwise."""

    def __init__(self):
        self.first, self.second = dict(LABELS), dict(LABELS)
        self.pairs = list(PAIRS)
        self.again = dict(PAIRS)
        self.confirms = "Yes"
        self.wrap = "Sure! Here it is:\n```json\n{}\n```\nAnything else?"

    def __call__(self, prompt):
        if '"answers"' in prompt:
            asked = re.findall(r"^\d+\. (.+)$", prompt, re.MULTILINE)
            found = {"answers": [self.again.get(q, self.confirms) for q in asked]}
        elif '"questions"' in prompt:
            found = {"questions": [{"question": q, "answer": a} for q, a in self.pairs]}
        else:
            found = self.second if "once more" in prompt else self.first
        return self.wrap.replace("{}", json.dumps(found))


class ChatServer:
    """Runs in threads of its own until the ``with`` block ends.

    ``faults`` are used up one a request: a number is an HTTP status, ``(429, "0.2")`` one with
    Retry-After, ``"garbage"`` a body that is no JSON, ``"cut"`` a connection that ends, a float
    a pause in seconds before the answer, a str any other text of the model.
    """

    def __init__(self, key=None, models=("tiny-vlm",)):
        self.brain, self.key, self.models = Brain(), key, models
        self.faults, self.requests, self.pause = [], [], 0.0
        self.message = "busy"
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self):
        # Ends within a hundredth of a second when told to.
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self._http.shutdown()
        self._http.server_close()

    @property
    def prompts(self):
        return [text for _, text, _ in self.requests]

    @property
    def times(self):
        return [when for when, _, _ in self.requests]


class _Handler(BaseHTTPRequestHandler):
    owner: ChatServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, code, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def error(self, code, message, **headers):
        self.send(code, {"error": {"message": message, "type": "error"}}, **headers)

    def allowed(self):
        key = self.owner.key
        if key is None or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        self.error(401, "Incorrect API key provided")
        return False

    def do_GET(self):
        if self.allowed():
            self.send(200, {"object": "list", "data": [{"id": m} for m in self.owner.models]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            self.answer(json.loads(body))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, asked):
        if not self.allowed():
            return
        if self.path != "/v1/chat/completions" or asked["model"] not in self.owner.models:
            self.error(404, "no such model")
            return
        (message,) = asked["messages"]
        picture, text = message["content"]
        kind, data = picture["image_url"]["url"].split(",", 1)
        assert kind == "data:image/png;base64"
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        with self.owner._lock:
            self.owner.requests.append((time.monotonic(), text["text"], {**asked, "image": image}))
            fault = self.owner.faults.pop(0) if self.owner.faults else None
        if isinstance(fault, float) or self.owner.pause:
            time.sleep(fault if isinstance(fault, float) else self.owner.pause)
        elif isinstance(fault, tuple):
            self.error(fault[0], self.owner.message, Retry_After=fault[1])
            return
        elif isinstance(fault, int):
            headers = {"Location": "/v1/elsewhere"} if 300 <= fault < 400 else {}
            self.error(fault, "something is wrong", **headers)
            return
        elif fault == "garbage":
            self.send(200, b"<html>gateway</html>")
            return
        elif fault == "cut":
            self.close_connection = True
            return
        said = fault if isinstance(fault, str) else self.owner.brain(text["text"])
        answer = {"role": "assistant", "content": said}
        self.send(
            200,
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "model": asked["model"],
                "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            },
        )
