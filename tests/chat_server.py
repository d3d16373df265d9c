"""A small server that speaks the chat completions protocol, with faults on demand."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Dies:
    """A stream whose connection ends after some tokens."""

    after: int


@dataclass(frozen=True)
class Stalls(Dies):
    """A stream that goes silent after some tokens."""


@dataclass(frozen=True)
class Fails(Dies):
    """A stream that reports an error after some tokens."""


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
    a pause in seconds before the answer, ``Dies(n)`` and ``Stalls(n)`` a stream that ends or goes
    silent after n tokens, ``Fails(n)`` one that then reports an error, a str any other text of the
    model.

    ``says(prompt, images)``, where set, returns the tokens of the answer: (text, logarithm of its
    probability, {other token: logarithm}). ``tells`` says what becomes of a request for
    probabilities: True they are told, False they are left out, ``"refuses"`` it is an error.
    With ``list_waits`` the list of models never comes; ``listing`` says that it was asked for.
    """

    def __init__(self, key=None, models=("tiny-vlm",)):
        self.brain, self.key, self.models = Brain(), key, models
        self.faults, self.requests, self.pause = [], [], 0.0
        self.message = "busy"
        self.says, self.tells, self.streams, self.token_pause = None, True, True, 0.0
        self.list_waits, self.listing = False, threading.Event()
        self.released = threading.Event()
        self.running = self.most_running = 0
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
        self.released.set()
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
        if self.owner.list_waits:
            self.owner.listing.set()
            self.owner.released.wait()
            self.close_connection = True
            return
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
        parts = [
            part
            for message in asked["messages"]
            for part in (
                message["content"]
                if isinstance(message["content"], list)
                else [{"type": "text", "text": message["content"]}]
            )
        ]
        text = [part for part in parts if part["type"] == "text"][-1]
        images = [_image(part) for part in parts if part["type"] == "image_url"]
        with self.owner._lock:
            kept = {**asked, "image": images[0] if images else None, "images": images}
            self.owner.requests.append((time.monotonic(), text["text"], kept))
            fault = self.owner.faults.pop(0) if self.owner.faults else None
            self.owner.running += 1
            self.owner.most_running = max(self.owner.running, self.owner.most_running)
        try:
            self.respond(asked, text, images, fault)
        finally:
            with self.owner._lock:
                self.owner.running -= 1

    def respond(self, asked, text, images, fault):
        if asked.get("logprobs") and self.owner.tells == "refuses":
            self.error(400, "logprobs is not supported")
            return
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
        if isinstance(fault, str):
            tokens = _tokens(fault)
        elif self.owner.says is not None:
            tokens = self.owner.says(text["text"], images)
        else:
            tokens = _tokens(self.owner.brain(text["text"]))
        tokens = tokens[: asked.get("max_tokens", len(tokens))]
        told = bool(asked.get("logprobs")) and self.owner.tells is True
        if asked.get("stream") and self.owner.streams:
            self.stream(tokens, fault, told, asked.get("top_logprobs", 0))
            return
        said = "".join(token for token, _, _ in tokens)
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

    def stream(self, tokens, fault, told, top):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event(": the server is thinking")
        self.event(_delta({"role": "assistant", "content": ""}))
        for number, (text, sure, others) in enumerate(tokens):
            if isinstance(fault, Dies) and number == fault.after:
                if isinstance(fault, Stalls):
                    self.owner.released.wait(30)
                if isinstance(fault, Fails):
                    self.event(f"data: {json.dumps({'error': {'message': 'out of memory'}})}")
                self.close_connection = True
                return
            time.sleep(self.owner.token_pause)
            listed = [{"token": t, "logprob": v} for t, v in others.items()][:top]
            content = [{"token": text, "logprob": sure, "top_logprobs": listed}]
            self.event(_delta({"content": text}, {"content": content} if told else None))
        self.event(_delta({}, finish="stop"))
        self.event("data: [DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, text):
        data = (text + "\n\n").encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def _delta(delta, logprobs=None, finish=None):
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    found = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}
    return f"data: {json.dumps(found)}"


def _tokens(text):
    return [(token, -0.1, {}) for token in re.findall(r"\s*\S+|\s+$", text)]


def _image(part):
    kind, data = part["image_url"]["url"].split(",", 1)
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))
