"""A model server with an API of its own, for the tutorial: python shelf_server.py PORT MODEL..."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOAD_S = 1.0
models = set(sys.argv[2:])
shelf = {"holds": "", "since": 0.0}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        ready = shelf["holds"] if time.monotonic() >= shelf["since"] + LOAD_S else ""
        self.say(200, {"holds": shelf["holds"], "ready": ready, "jobs": 0})

    def do_POST(self):
        length = int(self.headers["content-length"] or 0)
        body = json.loads(self.rfile.read(length) or "{}")
        if self.path == "/take":
            if body["model"] not in models:
                return self.say(404, {"error": "no such model"})
            shelf.update(holds=body["model"], since=time.monotonic())
        elif self.path == "/put-back":
            shelf.update(holds="")
        text = f"{shelf['holds']} was asked as {body.get('model')}"
        self.say(200, {"choices": [{"message": {"role": "assistant", "content": text}}]})

    def say(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
