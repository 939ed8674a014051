"""HTTP/1.1 by uvicorn, with limits on the head of a request, and problem documents in place of plain text."""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serve.http.headers import ALWAYS, NO_PAGE
from serve.http.limits import MOST_ADDRESS_BYTES

# A client has this long, and this many bytes, to send the head of a request.
HEAD_SECONDS = 10.0
MOST_HEAD_BYTES = 65_536
REFUSAL = (
    "HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\n"
    "connection: close\r\n{security}\r\n"
)
SECURITY = "".join(f"{name.decode()}: {value.decode()}\r\n" for name, value in (*ALWAYS, NO_PAGE))
NOT_HTTP = (400, "Bad Request", "This is not HTTP that the server reads.")
TOO_LONG = (414, "URI Too Long", f"The address is longer than {MOST_ADDRESS_BYTES} bytes.")
TOO_LARGE = (
    431,
    "Request Header Fields Too Large",
    f"The head of the request is larger than {MOST_HEAD_BYTES} bytes.",
)


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 that closes a connection whose request does not come, or has too long a head."""

    _timer: TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head is too large and not complete."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._timer and self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(*(TOO_LONG if self._has_long_address() else TOO_LARGE))

    def on_message_begin(self) -> None:
        """Start the timer for the rest of a request's head."""
        super().on_message_begin()
        self._start_timer()

    def on_headers_complete(self) -> None:
        """Stop the timer; the request has a deadline of its own."""
        self._stop_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's text says no more
        """Answer bytes that are not HTTP with a problem document, and close."""
        self._refuse(*(TOO_LONG if self._has_long_address() else NOT_HTTP))

    def _has_long_address(self) -> bool:
        return len(getattr(self, "url", b"")) > MOST_ADDRESS_BYTES

    def _refuse(self, status: int, title: str, detail: str) -> None:
        body = f'{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}'
        head = REFUSAL.format(status=status, title=title, length=len(body), security=SECURITY)
        self.transport.write((head + body).encode())
        self.transport.close()

    def _start_timer(self) -> None:
        self._stop_timer()
        self._head_bytes = 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
