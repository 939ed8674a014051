"""Requests to public servers: repeats them, waits as long as the server asks, hides secrets in messages."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx
import tenacity

from almanac.download.retry_after import retry_after
from almanac.errors import SourceUnavailable

TIMEOUT = httpx.Timeout(30.0, connect=4.0)
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 90.0
LONGEST_BACKOFF_SECONDS = 8.0
TOO_LONG = " and asks to wait {seconds:.0f} s, longer than the {longest:.0f} s Almanac waits; try again later"

Pause = Callable[[httpx.Response], float]


class NoConnection(SourceUnavailable):
    """The server cannot be reached at all."""


class RequestRefused(SourceUnavailable):
    """The server answered with an error that another attempt does not mend."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _Transient(Exception):
    """An answer, or none, that another attempt may mend; `status` is 0 where there was no answer."""

    def __init__(self, reason: str, status: int = 0, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class RequestPolicy:
    """How a client behaves: attempts, requests per minute, and seconds to stay silent after an answer."""

    attempts: int = ATTEMPTS
    per_minute: float | None = None
    pause_after: Pause | None = None
    sleep: Callable[[float], None] = time.sleep

    @property
    def interval_seconds(self) -> float:
        """The least time between two requests."""
        return 60.0 / self.per_minute if self.per_minute else 0.0


class Client:
    """A client of one server; safe to share between threads.

    Once the server is unreachable, requests fail at once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        policy: RequestPolicy | None = None,
    ) -> None:
        # httpx writes whole URLs to its log, and a URL may carry a key.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self.base_url = base_url.rstrip("/")
        self.policy = policy or RequestPolicy()
        self._secret_params = dict(params or {})
        secrets = [*(headers or {}).values(), *self._secret_params.values()]
        self._secrets = [value for value in secrets if value]
        self._http = httpx.Client(
            headers=dict(headers or {}), timeout=TIMEOUT, follow_redirects=not self._secrets
        )
        self._turn = threading.Lock()
        self._free_at = 0.0
        self._unreachable = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        """Return the answer to GET.

        Raises NoConnection, RequestRefused or SourceUnavailable, each naming URL and reason.

        `headers` and `params` of the client are secret: no message repeats them.
        """
        return self._request("GET", path, params=dict(params or {}))

    def json(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the JSON answer to GET; raises as `get` does, also where the answer is not JSON."""
        return self._decode(path, self.get(path, params))

    def post(self, path: str, content: bytes) -> Any:
        """Return the JSON answer to POST; raises as `json` does.

        A POST is repeated as a GET is, so only for servers where a repeated request does no harm.
        """
        return self._decode(path, self._request("POST", path, content=content))

    def hidden(self, text: str) -> str:
        """Return the text with every secret of this client replaced."""
        for secret in self._secrets:
            text = text.replace(secret, "(hidden)")
        return text

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer to a request, after as many attempts as the policy allows."""
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.policy.attempts),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(_Transient),
            sleep=self.policy.sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, method, path, options)
        except _Transient as error:
            raise self._last_failure(path, error) from None

    def _last_failure(self, path: str, error: _Transient) -> SourceUnavailable:
        message = self._message(path, f"{error} after {self.policy.attempts} attempts")
        return RequestRefused(message, error.status) if error.status else SourceUnavailable(message)

    def _attempt(self, method: str, path: str, options: Mapping[str, Any]) -> httpx.Response:
        self._await_turn()
        if self._unreachable:
            raise NoConnection(self._unreachable)
        params = {**options.get("params", {}), **self._secret_params} or None
        content = options.get("content")
        try:
            response = self._http.request(method, self._address(path), params=params, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            self._unreachable = self._message(path, f"cannot be reached ({type(error).__name__})")
            raise NoConnection(self._unreachable) from None
        except httpx.TransportError as error:
            raise _Transient(f"the connection broke ({type(error).__name__})") from None
        self._note_pause(response)
        return self._accept(path, response)

    def _accept(self, path: str, response: httpx.Response) -> httpx.Response:
        """Return a successful answer; raises _Transient if an attempt may mend it, else RequestRefused."""
        if response.is_success:
            return response
        status = response.status_code
        reason = f"answered {status}{self._explanation(response)}"
        seconds = retry_after(response.headers.get("retry-after"))
        if status in TRANSIENT and (seconds or 0.0) <= LONGEST_WAIT_SECONDS:
            raise _Transient(reason, status, seconds)
        wait = TOO_LONG.format(seconds=seconds, longest=LONGEST_WAIT_SECONDS) if seconds else ""
        raise RequestRefused(self._message(path, reason + wait), status)

    def _await_turn(self) -> None:
        """Wait until the policy allows another request."""
        with self._turn:
            now = time.monotonic()
            start = max(now, self._free_at)
            self._free_at = start + self.policy.interval_seconds
        if start > now:
            self.policy.sleep(start - now)

    def _note_pause(self, response: httpx.Response) -> None:
        """Delay the next request by the pause that the policy reads from an answer."""
        seconds = self.policy.pause_after(response) if self.policy.pause_after else 0.0
        if seconds > 0:
            with self._turn:
                self._free_at = max(self._free_at, time.monotonic() + seconds)

    def _explanation(self, response: httpx.Response) -> str:
        """Return the message of an answer's JSON body, in brackets, without secrets."""
        try:
            body = response.json()
        except ValueError:
            return ""
        text = body.get("message") if isinstance(body, dict) else None
        return f" ('{self.hidden(str(text))[:200]}')" if text else ""

    def _decode(self, path: str, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            raise SourceUnavailable(self._message(path, "answered with something that is not JSON")) from None

    def _address(self, path: str) -> str:
        return f"{self.base_url}/{path.lstrip('/')}" if path else self.base_url

    def _message(self, path: str, reason: str) -> str:
        return f"{self.hidden(self._address(path))} {reason}."


def _wait(state: tenacity.RetryCallState) -> float:
    """Return the seconds before the next attempt: what the server asked for, else twice as long each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Transient) and error.wait_seconds is not None:
        return error.wait_seconds
    return min(0.5 * 2.0**state.attempt_number, LONGEST_BACKOFF_SECONDS)
