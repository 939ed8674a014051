"""Reads from public servers: retries, waits as told, keeps secrets out of every message."""

import email.utils
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import tenacity

from almanac.errors import SourceUnavailable

TIMEOUT = httpx.Timeout(30.0, connect=4.0)
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 90.0

Pause = Callable[[httpx.Response], float]


class NoConnection(SourceUnavailable):
    """The server cannot be reached at all."""


class RequestRefused(SourceUnavailable):
    """The server answered with an error that asking again does not mend."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _Transient(Exception):
    """An answer, or none, that asking again may mend."""

    def __init__(self, reason: str, status: int = 0, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class RequestPolicy:
    """How a client behaves: retries, requests per minute, and seconds to stay silent after an answer."""

    attempts: int = ATTEMPTS
    per_minute: float | None = None
    pause_after: Pause | None = None
    sleep: Callable[[float], None] = time.sleep


class Client:
    """Asks one server; safe to share between threads. Once unreachable it fails at once instead of trying again."""

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
        self._secrets = [
            value for value in [*(headers or {}).values(), *self._secret_params.values()] if value
        ]
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
        """Return the answer to GET; raises NoConnection, RequestRefused or SourceUnavailable, each naming URL and reason.

        `headers` and `params` of the client are secret: no message repeats them.
        """
        return self._ask("GET", path, params=dict(params or {}))

    def post(self, path: str, content: bytes) -> Any:
        """Return the JSON answer to POST, for sources that are asked that way; asked again as GET is, so only for what may be asked twice."""
        return self._decoded(path, self._ask("POST", path, content=content))

    def _ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.policy.attempts),
            wait=_wait,
            retry=tenacity.retry_if_exception_type(_Transient),
            sleep=self.policy.sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, method, path, sent)
        except _Transient as error:
            reason = f"{error} after {self.policy.attempts} attempts"
            raise (
                self._refused(path, reason, error.status)
                if error.status
                else SourceUnavailable(self._message(path, reason))
            ) from None

    def json(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the JSON answer to GET; raises as `get` does, also where the answer is not JSON."""
        return self._decoded(path, self.get(path, params))

    def _decoded(self, path: str, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            raise SourceUnavailable(self._message(path, "answered with something that is not JSON")) from None

    def _once(self, method: str, path: str, sent: Mapping[str, Any]) -> httpx.Response:
        self._await_turn()
        if self._unreachable:
            raise NoConnection(self._unreachable)
        try:
            params = {**sent.get("params", {}), **self._secret_params} or None
            response = self._http.request(
                method, self._address(path), params=params, content=sent.get("content")
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            self._unreachable = self._message(path, f"cannot be reached ({type(error).__name__})")
            raise NoConnection(self._unreachable) from None
        except httpx.TransportError as error:
            raise _Transient(f"the connection broke ({type(error).__name__})") from None
        self._note_pause(response)
        return self._checked(path, response)

    def _checked(self, path: str, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        reason = f"answered {response.status_code}{self._said(response)}"
        wait = retry_after(response.headers.get("retry-after"))
        if response.status_code in TRANSIENT and (wait or 0.0) <= LONGEST_WAIT_SECONDS:
            raise _Transient(reason, response.status_code, wait)
        asked = (
            f" and asks to wait {wait:.0f} s, longer than the {LONGEST_WAIT_SECONDS:.0f} s Almanac waits; try again later"
            if wait
            else ""
        )
        raise self._refused(path, reason + asked, response.status_code)

    def _await_turn(self) -> None:
        with self._turn:
            now = time.monotonic()
            start = max(now, self._free_at)
            self._free_at = start + (60.0 / self.policy.per_minute if self.policy.per_minute else 0.0)
        if start > now:
            self.policy.sleep(start - now)

    def _note_pause(self, response: httpx.Response) -> None:
        seconds = self.policy.pause_after(response) if self.policy.pause_after else 0.0
        with self._turn:
            self._free_at = max(self._free_at, time.monotonic() + seconds) if seconds > 0 else self._free_at

    def _said(self, response: httpx.Response) -> str:
        try:
            body = response.json()
        except ValueError:
            return ""
        text = body.get("message") if isinstance(body, dict) else None
        return f" ('{self.hidden(str(text))[:200]}')" if text else ""

    def _refused(self, path: str, reason: str, status: int) -> RequestRefused:
        return RequestRefused(self._message(path, reason), status)

    def _address(self, path: str) -> str:
        return f"{self.base_url}/{path.lstrip('/')}" if path else self.base_url

    def _message(self, path: str, reason: str) -> str:
        return f"{self.hidden(self._address(path))} {reason}."

    def hidden(self, text: str) -> str:
        """Return the text with every secret of this client replaced."""
        for secret in self._secrets:
            text = text.replace(secret, "(hidden)")
        return text


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    told = error.wait_seconds if isinstance(error, _Transient) else None
    return told if told is not None else min(0.5 * 2.0**state.attempt_number, 8.0)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, in either of its two forms.

    >>> retry_after("7"), retry_after("Wed, 01 Jan 2025 00:00:30 GMT", datetime(2025, 1, 1, tzinfo=UTC)), retry_after("soon")
    (7.0, 30.0, None)
    """
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        until = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds()) if until.tzinfo else None
