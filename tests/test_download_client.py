"""The client of public servers."""

import logging
import socket

import pytest

from almanac.download.client import Client, NoConnection, RequestPolicy, RequestRefused
from almanac.errors import SourceUnavailable
from tests.local_server import LocalServer, Response

SECRET = "s3cret-key"


class Naps:
    """Stands in for sleeping and remembers how long it should have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def test_an_answer_is_returned_as_json(server: LocalServer) -> None:
    server.answer("/things", Response({"n": 1}))
    with Client(server.url) as client:
        assert client.json("things", {"page": "2"}) == {"n": 1}
    assert server.requests[0].query == {"page": "2"}


@pytest.mark.parametrize("fault", [Response(status=503), Response(status=500), Response(broken=True)])
def test_a_passing_fault_is_asked_again(server: LocalServer, fault: Response) -> None:
    server.answer("/things", fault, fault, Response("fine"))
    naps = Naps()
    with Client(server.url, policy=RequestPolicy(sleep=naps)) as client:
        assert client.json("things") == "fine"
    assert naps.seconds == [1.0, 2.0]


def test_retry_after_is_obeyed(server: LocalServer) -> None:
    server.answer("/things", Response(status=429, headers={"Retry-After": "7"}), Response("fine"))
    naps = Naps()
    with Client(server.url, policy=RequestPolicy(sleep=naps)) as client:
        assert client.json("things") == "fine"
    assert naps.seconds == [7.0]


def test_a_wait_longer_than_a_minute_and_a_half_is_refused_at_once_and_says_so(server: LocalServer) -> None:
    server.answer("/things", Response(status=429, headers={"Retry-After": "3600"}))
    naps = Naps()
    with (
        Client(server.url, policy=RequestPolicy(sleep=naps)) as client,
        pytest.raises(RequestRefused, match=r"429 and asks to wait 3600 s, longer than the 90 s"),
    ):
        client.get("things")
    assert naps.seconds == []


def test_a_lasting_fault_ends_with_status_and_number_of_attempts(server: LocalServer) -> None:
    server.answer("/things", Response(status=502))
    with (
        Client(server.url, policy=RequestPolicy(attempts=3, sleep=Naps())) as client,
        pytest.raises(RequestRefused, match="answered 502 after 3 attempts") as caught,
    ):
        client.get("things")
    assert caught.value.status == 502
    assert len(server.requests) == 3


def test_a_refusal_is_not_asked_again_and_repeats_what_the_server_said(server: LocalServer) -> None:
    server.answer("/things", Response({"message": "not for you"}, status=403))
    with (
        Client(server.url) as client,
        pytest.raises(RequestRefused, match=r"/things answered 403 \('not for you'\)"),
    ):
        client.get("things")
    assert len(server.requests) == 1


def test_something_that_is_not_json_is_an_error_with_the_address(server: LocalServer) -> None:
    server.answer("/things", Response(b"<html>"))
    with (
        Client(server.url) as client,
        pytest.raises(SourceUnavailable, match="/things answered with something that is not JSON"),
    ):
        client.json("things")


def test_an_unreachable_server_is_tried_once_and_then_known() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        naps = Naps()
        with Client(url, policy=RequestPolicy(sleep=naps)) as client:
            with pytest.raises(NoConnection, match=r"/first cannot be reached"):
                client.get("first")
            with pytest.raises(NoConnection, match=r"/first cannot be reached"):
                client.get("second")
    assert naps.seconds == []


def test_requests_keep_their_distance(server: LocalServer) -> None:
    server.answer("/things", Response("fine"))
    naps = Naps()
    with Client(server.url, policy=RequestPolicy(per_minute=10, sleep=naps)) as client:
        client.get("things")
        client.get("things")
    assert len(naps.seconds) == 1
    assert 5.0 < naps.seconds[0] <= 6.0


def test_a_pause_asked_for_by_an_answer_comes_before_the_next_request(server: LocalServer) -> None:
    server.answer("/things", Response("fine"))
    naps = Naps()
    with Client(server.url, policy=RequestPolicy(pause_after=lambda _: 30.0, sleep=naps)) as client:
        client.get("things")
        client.get("things")
    assert len(naps.seconds) == 1
    assert 29.0 < naps.seconds[0] <= 30.0


@pytest.mark.parametrize(
    "answer",
    [
        Response({"message": f"bad key {SECRET}"}, status=401),
        Response(status=503),
        Response(broken=True),
        Response(b"no json"),
    ],
)
def test_no_message_and_no_log_line_repeats_a_secret(
    server: LocalServer, answer: Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer("/things", answer)
    policy = RequestPolicy(attempts=2, sleep=Naps())
    client = Client(server.url, headers={"X-Token": SECRET}, params={"apiKey": SECRET}, policy=policy)
    with client, pytest.raises(SourceUnavailable) as caught:
        client.json("things")
    assert server.requests[0].query["apiKey"] == SECRET
    assert server.requests[0].headers["x-token"] == SECRET
    assert SECRET not in str(caught.getrepr(chain=True, showlocals=False))
    assert SECRET not in caplog.text


def test_a_secret_is_not_carried_along_a_redirect(server: LocalServer) -> None:
    server.answer("/things", Response(status=302, headers={"Location": f"{server.url}/elsewhere"}))
    with (
        Client(server.url, params={"apiKey": SECRET}) as client,
        pytest.raises(RequestRefused, match="answered 302"),
    ):
        client.get("things")
    assert server.paths == ["/things"]
