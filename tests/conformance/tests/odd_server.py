"""Servers that do what servers do: each rotates in its own way and says what it says. `python3 odd_server.py KIND`."""

import datetime
import json
import random
import secrets
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KIND = sys.argv[1]
lock = threading.Lock()
live = {}  # refresh token -> family
spent = {}  # refresh token -> family
ended = set()
born = {}
counted = 0


def pair(family):
    # Claims in whole seconds and nothing else: two tokens of one second are one.
    refresh = f"{family}.{int(time.time())}" if KIND == "twins" else secrets.token_urlsafe(24)
    born[refresh] = time.monotonic()
    live[refresh] = family
    return {"access_token": secrets.token_urlsafe(24), "refresh_token": refresh}


def dead(why):
    if KIND == "prose":
        return 401, "text/plain", f"Sorry, this session is over ({why}). Please sign in again."
    if KIND == "unprocessable":
        return 422, "application/json", json.dumps({"detail": [{"type": "session_over", "msg": why}]})
    return 401, "application/json", json.dumps({"msg": "Token has been revoked"})


def refresh(presented):
    global counted
    with lock:
        family = live.get(presented) or spent.get(presented)
        if family is None or family in ended:
            return dead("unknown")
        if KIND == "late" and time.monotonic() < born[presented] + (1.5 if counted == 30 else 0):
            return 401, "application/json", json.dumps({"msg": "Token is not yet valid"})
        if presented in spent and KIND == "race":
            # The loser of a race: no verdict, the family lives.
            return 400, "application/json", json.dumps({"error": "invalid_request"})
        if presented in spent:
            ended.add(family)
            return dead("used twice")
        counted += 1
        if KIND == "sometimes" and counted % 3:
            return 200, "application/json", json.dumps({"access_token": secrets.token_urlsafe(24), "expires_in": 60})
        spent[presented] = live.pop(presented)
        answer = pair(family)
        if KIND == "trouble" and counted % 20 == 0:
            return 500, "text/html", "<h1>Server Error (500)</h1>"
        if KIND == "dates":
            end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
            answer["expires_at"] = end.isoformat()
        if KIND == "scopes":
            answer["scope"] = " ".join(random.sample(["read", "write", "admin"], 3))
            answer["expires_in"] = "60"
        return 200, "application/json", json.dumps(answer)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0" if KIND == "old" else "HTTP/1.1"

    def send_response(self, code, message=None):
        self.send_response_only(code, message)
        if KIND not in ("opaque", "dates"):
            self.send_header("Date", self.date_time_string())

    def log_message(self, *_):
        pass

    def answer(self, status, kind, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if KIND == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            return
        if KIND != "old":  # there the connection's end is the answer's
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            self.answer(200, "application/json", json.dumps(pair(secrets.token_hex(8))))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if KIND == "slash" and not self.path.endswith("/"):
            self.send_response(308)
            self.send_header("Location", self.path + "/")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if KIND == "silent" and random.random() < 0.05:
            refresh(urllib.parse.parse_qs(body).get("refresh_token", [""])[0])
            return  # done, and not a word
        if KIND == "bearer":
            presented = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if body:
                return self.answer(400, "application/json", json.dumps({"msg": "no body is wanted"}))
        else:
            presented = urllib.parse.parse_qs(body).get("refresh_token", [""])[0]
        self.answer(*refresh(presented))


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
