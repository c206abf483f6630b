"""What the proofs in Python share: the programs that make has built, `stepladder dev` and `stepladder serve`, connections to them."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS_MAX = 120
CONNECTIONS_MAX = 512


class Problem(Exception):
    pass


def programs(profile):
    """The folder of what cargo has built."""
    target = target_folder()
    return target / ("debug" if profile == "dev" else profile)


def target_folder():
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def environment():
    """This process's own, without anything that could lead elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPLADDER_"))}


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Server:
    """A process that serves the REST API on a port of its own. `hint` tells what builds it."""

    def __init__(self, words, log, workflow, hint):
        self.port, self.log, self.free = free_port(), log, []
        words = [str(word) for word in [*words, "--port", self.port]]
        with open(log, "wb") as output:
            try:
                self.process = subprocess.Popen(words, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=output,
                                                stderr=subprocess.STDOUT)
            except FileNotFoundError:
                raise Problem(f"{words[0]} is missing: `{hint}` builds it") from None
        until = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/api/v1/workflows/{workflow}", timeout=2):
                    return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.stop()
                    raise Problem(f"{' '.join(words[:2])} did not start ({error}): {log}") from None
                time.sleep(0.05)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        stop(self.process)

    async def http(self, method, path, body=None):
        """By a connection that is kept. The status and the answer."""
        text = json.dumps(body).encode() if body is not None else b""
        reader, writer = self.free.pop() if self.free else await asyncio.open_connection("127.0.0.1", self.port)
        head = (f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(text)}\r\n\r\n")
        writer.write(head.encode() + text)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        status = int(head.split(" ", 2)[1])
        length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
        answer = json.loads(await reader.readexactly(int(length.split(":")[1])))
        if len(self.free) < CONNECTIONS_MAX and "connection: close" not in head:
            self.free.append((reader, writer))
        else:
            writer.close()
        return status, answer

    async def runs(self, workflow):
        """All runs of a workflow, page by page."""
        cursor = ""
        while cursor is not None:
            _, page = await self.http("GET", f"/api/v1/runs?workflow={workflow}&limit=500{cursor}")
            for run in page["runs"]:
                yield run
            cursor = page["next"] and f"&cursor={page['next']}"


def call(url, service, operation, request):
    """What a service of AWS answers here. Nothing checks a signature, but one has to be there."""
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": operation,
               "Authorization": f"AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/{service}/aws4_request, "
                                "SignedHeaders=host, Signature=0", "X-Amz-Date": "20260101T000000Z"}
    asked = urllib.request.Request(f"{url}/", json.dumps(request).encode(), headers)
    with urllib.request.urlopen(asked, timeout=120) as answer:
        return json.load(answer)


def run(name, main):
    """A proof's own `main`, whose problems are told; it may give the exit code."""
    try:
        sys.exit(main())
    except Problem as problem:
        print(f"{name}: error: {problem}", file=sys.stderr, flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
