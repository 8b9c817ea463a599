"""How requests are sent: keys, errors, timeouts and patience, the same with asyncio and without."""

from __future__ import annotations

import asyncio
import pickle
import socket
import threading
import traceback

import pytest

from modelport.client import (
    AsyncClient,
    BadAnswer,
    Client,
    InvalidCall,
    Refused,
    Retries,
    TensorFlowServing,
    TimedOut,
    Unreachable,
)

KEY = "secret-key-1"
ROWS = TensorFlowServing(instances=[1.0])


@pytest.fixture
def client(server):
    with Client(server.url, key=KEY) as client:
        yield client


async def test_asyncio(server):
    server.give({"predictions": [2.5]}, X_Model_Version="3")
    async with AsyncClient(server.url, key=KEY) as client:
        answers = await asyncio.gather(*(client.predict("half", ROWS) for _ in range(4)))
    assert [answer.values for answer in answers] == [[2.5]] * 4
    assert answers[0].served.version == "3"


def test_without_asyncio(server, client):
    server.give({"predictions": [2.5]})
    assert client.predict("half", ROWS).values == [2.5]
    assert server.paths == ["/v1/models/half:predict"]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert server.headers[0]["Content-Type"] == "application/json"


async def test_without_asyncio_where_a_loop_runs_already_as_in_a_notebook(server, client):
    server.give({"predictions": [2.5]})
    assert client.predict("half", ROWS).values == [2.5]


def test_threads_share_a_client(server, client):
    server.give({"predictions": [2.5]})
    values = []
    threads = [threading.Thread(target=lambda: values.append(client.predict("half", ROWS).values)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [[2.5]] * 4


def test_a_path_before_the_models(server):
    server.give({"predictions": []})
    with Client(f"{server.url}/below/") as client:
        client.predict("half", ROWS)
    assert server.paths == ["/below/v1/models/half:predict"]
    assert "Authorization" not in server.headers[0]


def test_a_whole_address(server):
    server.give({"predictions": []})
    with Client() as client:
        client.predict_at(f"{server.url}/any%2Fwhere?a=%20b", ROWS)
        with pytest.raises(InvalidCall, match="predict_at"):
            client.predict("half", ROWS)
    assert server.paths == ["/any%2Fwhere?a=%20b"]


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": "instances[0]: no"}, "", "instances[0]: no"),
        ({"error": "BadRequest", "message": "data: no"}, "BadRequest", "data: no"),
        ({"error": {"code": "BadRequest", "message": "[0]: no"}}, "BadRequest", "[0]: no"),
        (b"<html>proxy</html>", "", "<html>proxy</html>"),
        (b"x" * 600, "", "x" * 500 + "…"),
        (b"[" * 100_000, "", "[" * 500 + "…"),
        (b"", "", "Bad Request"),
    ],
    ids=["text", "code and message", "an object", "a page", "a long page", "nested brackets", "nothing"],
)
def test_errors_have_the_servers_words(server, client, body, code, message):
    server.give(body, 400, X_Request_Id="r1")
    with pytest.raises(Refused) as caught:
        client.predict("half", ROWS)
    error = caught.value
    assert (error.status, error.code, error.message, error.request_id) == (400, code, message, "r1")
    assert str(error) == (f"400 {code}: {message}" if code else f"400 {message}")
    assert len(server.bodies) == 1


def test_errors_travel_between_processes(server, client):
    server.give({"error": "BadRequest", "message": "data: no"}, 400)
    with pytest.raises(Refused) as caught:
        client.predict("half", ROWS)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.status, copy.code) == ("400 BadRequest: data: no", 400, "BadRequest")


def test_the_key_is_in_no_text(server, client):
    server.give(f"proxy: Authorization: Bearer {KEY}".encode(), 502)
    with pytest.raises(Refused) as caught:
        client.predict("half", ROWS)
    texts = [repr(client), repr(client._client), *(show(caught.value) for show in (str, repr, vars))]
    assert not [text for text in texts if KEY in str(text)]
    assert repr(client) == f"Client('{server.url}')"


def test_what_speaks_no_http(client):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(Unreachable, match="does not speak HTTP") as caught:
            client.predict_at(f"http://127.0.0.1:{listener.getsockname()[1]}/x?token=t0ken", ROWS)
        thread.join()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__cause__)
    assert KEY not in told
    assert "t0ken" not in str(caught.value)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}") as client,
        pytest.raises(Unreachable, match=f":{port}/v1.* does not answer"),
    ):
        client.predict("half", ROWS)


def test_an_answer_that_does_not_come(server):
    server.silent = True
    with Client(server.url, timeout=0.05) as client, pytest.raises(TimedOut, match=r"within 0\.05 seconds"):
        client.predict("half", ROWS)


@pytest.mark.parametrize("body", [b"<html>", {"outputs": []}, [1], 5])
def test_an_answer_in_another_format(server, client, body):
    server.give(body)
    with pytest.raises(BadAnswer, match="not in the format tensorflow-serving"):
        client.predict("half", ROWS)


def test_redirects_are_errors_so_that_the_key_stays(server, client):
    server.give(b"", 307, Location="http://elsewhere.example/")
    with pytest.raises(Refused, match="307 Temporary Redirect"):
        client.predict("half", ROWS)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(server, client, status):
    server.give({"error": "queue full"}, status, Retry_After="0")
    server.give({"predictions": [2.5]})
    assert client.predict("half", ROWS).values == [2.5]
    assert server.bodies[0] == server.bodies[1]


def test_attempts_are_bounded(server, client):
    server.give({"error": "queue full"}, 503, Retry_After="0")
    with pytest.raises(Refused, match="503 queue full"):
        client.predict("half", ROWS)
    assert len(server.bodies) == 3


def test_a_pause_that_is_too_long_is_an_error_at_once(server, client):
    server.give({"error": "stopped until tomorrow"}, 503, Retry_After="36000")
    with pytest.raises(Refused) as caught:
        client.predict("half", ROWS)
    assert (caught.value.retry_after, len(server.bodies)) == (36000, 1)


def test_patience_can_be_switched_off(server):
    server.give({"error": "queue full"}, 503, Retry_After="0")
    with Client(server.url, retries=Retries(attempts=1)) as client, pytest.raises(Refused):
        client.predict("half", ROWS)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("models.example.com", "not an http:// or https:// address"),
        ("ftp://models.example.com", "not an http:// or https:// address"),
        ("http://", "not an http:// or https:// address|not a URL"),
        ("http://me:hidden@models.example.com", "holds a user or password"),
        ("http://models.example.com/?key=hidden", "has a query"),
    ],
)
def test_addresses_that_cannot_be_meant(url, words):
    with pytest.raises(InvalidCall, match=words) as caught:
        AsyncClient(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX: y", "é"])
def test_keys_that_no_header_can_carry(key):
    with pytest.raises(InvalidCall, match="printable ASCII") as caught:
        AsyncClient("http://models.example.com", key=key)
    assert repr(key) not in str(caught.value)


def test_a_client_refuses_after_its_end(server):
    client = Client(server.url)
    client.close()
    client.close()
    with pytest.raises(InvalidCall, match="closed"):
        client.predict("half", ROWS)
