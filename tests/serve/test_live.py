"""The stream of changes: topics, frames, one producer for all, slow readers, HEAD, the end of a server."""

import asyncio
import json
import signal
import time

import pytest

from almanac.store.records import ledger, runs
from serve.reading import listening
from serve.reading.listening import END, Live, Viewer
from tests.serve.publishing import match
from tests.servers import as_program, wait_until
from tests.stub import begin


def frames(stream):
    """Yield the data of each frame of an open stream."""
    for line in stream.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_a_release_is_heard_while_the_stream_is_open(publisher, client):
    with client.stream("GET", "/v1/live?topic=release") as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-store"
        publisher.publish([match(0)])
        started = time.monotonic()
        assert next(frames(stream)) == {"topic": "release", "workload": "football", "release": 1}
        assert time.monotonic() - started < 2


def test_a_run_that_starts_or_ends_is_heard_and_so_is_a_hold(owner, client):
    with client.stream("GET", "/v1/live?topic=runs,release") as stream:
        heard = frames(stream)
        # The first frame says that the producer listens; what was before is read from the page.
        assert next(heard) == {"topic": "runs", "workload": None}
        run_id = begin(owner)
        assert next(heard) == {"topic": "runs", "workload": "stub"}
        with owner.engine.begin() as connection:
            runs.finish(connection, run_id, "failed", "test")
        assert next(heard) == {"topic": "runs", "workload": "stub"}
        with owner.engine.begin() as connection:
            ledger.set_hold(connection, "football", on_hold=True)
        assert next(heard) == {"topic": "runs", "workload": "football"}


def test_a_topic_that_is_not_there_is_refused(client):
    answer = client.get("/v1/live?topic=release,weather")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"in": "query", "name": "topic", "reason": "must be among release, runs, events"}
    ]
    assert client.get("/v1/live").status_code == 422


def test_head_of_a_stream_is_answered_at_once(client):
    answer = client.head("/v1/live?topic=release")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def test_streams_are_counted_but_not_timed_and_not_in_the_description(client):
    with client.stream("GET", "/v1/live?topic=release"):
        wait_until(lambda: 'almanac_live_streams{topic="release"} 1.0' in client.get("/metrics").text)
    wait_until(lambda: 'almanac_live_streams{topic="release"} 0.0' in client.get("/metrics").text)
    metrics = client.get("/metrics").text
    assert 'almanac_live_streams{topic="runs"} 0.0' in metrics
    assert 'route="/v1/live"' not in metrics
    assert "/v1/live" not in client.get("/openapi.json").json()["paths"]


def test_a_server_that_is_asked_to_end_does_not_wait_for_its_streams(publisher):
    with (
        as_program(publisher.database.url) as (client, program),
        client.stream("GET", "/v1/live?topic=release,runs") as stream,
    ):
        lines = stream.iter_lines()
        next(lines)
        started = time.monotonic()
        program.process.send_signal(signal.SIGTERM)
        assert "retry: 2000" not in list(lines)
        program.process.wait(10)
        assert time.monotonic() - started < 3


def test_one_producer_works_for_all_and_stops_with_the_last_viewer():
    started, ended = [], []

    async def produce(publish):
        started.append(publish)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(publish)

    async def watch():
        live = Live({"runs": produce, "release": None})
        assert (live.state("runs"), live.state("release")) == (None, 0)
        viewers = [live.watch({"runs"}) for _ in range(100)]
        await asyncio.sleep(0)
        live.publish("runs", {"workload": "logs"})
        live.publish("release", {"workload": "logs"})
        assert live.counts() == {"runs": 100, "release": 0}
        assert live.state("runs") == 1
        received = [await viewer.next() for viewer in viewers]
        for viewer in viewers[1:]:
            live.leave(viewer)
        await asyncio.sleep(0)
        assert len(ended) == 0
        live.leave(viewers[0])
        await asyncio.sleep(0)
        return received

    received = asyncio.run(watch())
    assert set(received) == {b'id: 1\nevent: changed\ndata: {"topic":"runs","workload":"logs"}\n\n'}
    assert (len(started), len(ended)) == (1, 1)


def test_a_viewer_who_does_not_read_is_let_go():
    async def overflow():
        viewer = Viewer({"runs"})
        async with asyncio.timeout(None) as timeout:
            viewer.limit(timeout)
            for number in range(listening.MOST_FRAMES + 1):
                viewer.put(b"%d" % number)
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        asyncio.run(overflow())


def test_the_end_of_a_stream_comes_after_what_waits():
    async def read():
        viewer = Viewer({"runs"})
        viewer.put(b"first")
        viewer.end()
        return [await viewer.next(), await viewer.next()]

    assert asyncio.run(read()) == [b"first", END]
