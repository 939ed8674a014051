"""A small HTTP server on the loopback that sends prepared answers and remembers the requests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Response:
    """One answer; `broken` closes the connection without one."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    broken: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


class LocalServer:
    """Answers each path with its answers one after the other, the last one for ever, and 404 elsewhere."""

    def __init__(self) -> None:
        self.requests: list[ReceivedRequest] = []
        self.url = ""
        self._answers: dict[str, list[Response]] = {}
        self._lock = threading.Lock()

    def answer(self, path: str, *answers: Response) -> None:
        """Set the answers of a path."""
        self._answers[path] = list(answers)

    def next_answer(self, request: ReceivedRequest) -> Response:
        """Note a request and return what it is answered."""
        with self._lock:
            self.requests.append(request)
            answers = self._answers.get(request.path, [Response({"message": "nothing here"}, 404)])
            return answers.pop(0) if len(answers) > 1 else answers[0]

    @property
    def paths(self) -> list[str]:
        """The paths asked, in their order."""
        return [request.path for request in self.requests]


@contextmanager
def local_server() -> Iterator[LocalServer]:
    """Run a local server while the block runs."""
    local = LocalServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            answer = local.next_answer(
                ReceivedRequest(
                    parts.path, query, {name.lower(): value for name, value in self.headers.items()}, body
                )
            )
            if answer.broken:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    local.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield local
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
