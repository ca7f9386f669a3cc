#!/bin/sh
# Starts nginx on the machine's own loopback, with a stand-in where the service orders would be, and asks it.
set -eu
exec timeout 20 python3 - <<'END'
import http.server
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request


class Orders(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"orders was asked for {self.path} by {self.headers['X-Forwarded-For']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def ask(path):
    try:
        answer = urllib.request.urlopen(f"http://127.0.0.1{path}", timeout=5)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read().decode()


def wait_for_answer(process):
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return ask("/healthz")
        except OSError:
            time.sleep(0.02)
    sys.exit("nginx does not answer")


failed = []


def expect(what, found, wanted):
    print(f"{'ok' if found == wanted else 'NOT OK'}: {what}")
    if found != wanted:
        failed.append(f"{what}: expected {wanted!r}, found {found!r}")


backend = http.server.HTTPServer(("127.0.0.1", 8081), Orders)
threading.Thread(target=backend.serve_forever, daemon=True).start()
nginx = subprocess.Popen(["nginx", "-g", "daemon off;"])
try:
    status, headers, body = wait_for_answer(nginx)
    expect("it is well", (status, body.strip()), (200, "ok"))
    expect("it does not tell its version", headers["Server"], "nginx")
    status, headers, body = ask("/")
    expect("the page is there", (status, "<h1>Edge</h1>" in body), (200, True))
    status, headers, body = ask("/orders/7?full=1")
    expect("orders is reached", (status, body), (200, "orders was asked for /orders/7?full=1 by 127.0.0.1"))
    expect("services answer with the headers too", headers["X-Frame-Options"], "DENY")
    expect("a service that is gone is said to be gone", ask("/hello")[0], 502)
    status, headers, body = ask("/ordersbook")
    expect("a path that begins alike is not led on", status, 404)
    expect("errors carry the headers", headers["X-Content-Type-Options"], "nosniff")
finally:
    nginx.send_signal(signal.SIGQUIT)
    ended = nginx.wait(timeout=10)
expect("it ends in order", ended, 0)
sys.exit("\n".join(failed) or None)
END
