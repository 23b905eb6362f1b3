"""Stands in for gangerd where only `ganger up` is tested: says hello, answers
/readyz as the file FAKE_READY says, ends on TERM."""
import configparser
import http.server
import os
import signal
import sys

ini = configparser.ConfigParser()
ini.read(sys.argv[sys.argv.index("-c") + 1])
host, port = ini["http"]["listen"].rsplit(":", 1)
if "exit" in ini["supervisor"]:
    sys.exit(int(ini["supervisor"]["exit"]))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = "unready" not in ini["supervisor"]
        self.send_response(200 if ready and self.path == "/readyz" else 503)
        self.end_headers()
        self.wfile.write(b"so it is\n")

    def log_message(self, *args):
        pass


def leave(*args):
    try:
        print("leaving, redis", "there" if os.path.exists(
            ini["redis"]["url"][len("unix:"):]) else "gone", flush=True)
    finally:   # whoever read our log may be gone already
        os._exit(0)


signal.signal(signal.SIGTERM, leave)
print("hello from", os.getpid(), os.environ.get("REDIS_URL"), flush=True)
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
