"""What is called follows from the words given, and what cannot be called is said in one sentence."""

import json
from dataclasses import replace

import pytest

from modelport.discovery import DiscoveryError, NoDocument
from modelport.loadtest.addresses import parse_address, shown
from modelport.loadtest.errors import LoadtestError, UsageError
from modelport.loadtest.target import Wanted, build_headers, check, resolve


async def test_a_model_is_called_with_the_gateways_own_example(gateway):
    request = await resolve(Wanted("cups", base=gateway.base))
    assert (request.method, request.url) == ("POST", f"{gateway.base}/cups/predict")
    assert json.loads(request.body) == {"image_type": "base64", "data": "AAAA"}
    assert request.headers["Content-Type"] == "application/json"
    assert gateway.seen == {"/openapi.json": 1}


async def test_the_first_api_of_the_model_is_called_from_its_metadata_where_there_is_some(gateway):
    request = await resolve(Wanted("half", base=gateway.base, rows=2))
    assert request.url == f"{gateway.base}/v1/models/half:predict"
    assert json.loads(request.body) == {"instances": [1.0, 2.0]}


@pytest.mark.parametrize("api", [None, "nexus"])
async def test_a_file_goes_into_the_example_of_an_api_that_takes_one(gateway, api):
    request = await resolve(Wanted("half", base=gateway.base, api=api, file=b"\xff\xd8", file_name="half.jpg"))
    assert request.url == f"{gateway.base}/half/predict"
    assert json.loads(request.body) == {"image_type": "base64", "data": "/9g="}


async def test_a_body_of_ones_own_goes_to_the_address_of_the_api(gateway):
    request = await resolve(Wanted("cups", base=gateway.base, api="nexus", body=b"{}"))
    assert (request.url, request.body) == (f"{gateway.base}/cups/predict", b"{}")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted("plates"), "the server has no example request for a model 'plates', only for half, cups"),
        (Wanted("cups", api="nnc"), "has no example request for the API 'nnc'; it has them for nexus"),
        (Wanted("half", api="tensorflow-serving", file=b"x"), "hold no file in the API 'tensorflow-serving'"),
        (Wanted("cups", rows=2), "--batch goes with tensorflow-serving and open-inference; nexus has no rows"),
    ],
)
async def test_what_the_gateway_does_not_have_is_one_sentence(gateway, wanted, message):
    with pytest.raises((DiscoveryError, UsageError), match=message):
        await resolve(replace(wanted, base=gateway.base))


async def test_an_api_of_a_gateway_needs_one(server):
    with pytest.raises(NoDocument, match=rf"{server.base}/openapi.json answered 404; is .* a modelport server\?"):
        await resolve(Wanted("half", base=server.base, api="nexus"))


async def test_a_models_name_is_called_with_a_request_made_from_its_metadata(server):
    request = await resolve(Wanted("half", base=server.base, rows=2))
    assert (request.method, request.url) == ("POST", f"{server.base}/v1/models/half:predict")
    assert json.loads(request.body) == {"instances": [1.0, 2.0]}
    assert request.headers["Content-Type"] == "application/json"


async def test_the_format_chooses_both_addresses(server):
    request = await resolve(Wanted("half", base=server.base, api="open-inference"))
    assert request.url == f"{server.base}/v2/models/half/infer"
    assert server.seen == {"/v2/models/half": 1}


async def test_the_address_of_a_known_format_gets_a_made_request_too(server):
    request = await resolve(Wanted(f"{server.base}/v1/models/half:predict"))
    assert json.loads(request.body) == {"instances": [1.0]}


async def test_any_other_address_is_called_as_it_is(server):
    request = await resolve(Wanted(f"{server.base}/ok?q=1"))
    assert (request.method, request.url, request.body) == ("GET", f"{server.base}/ok?q=1", b"")
    assert not server.seen


async def test_a_body_is_sent_as_it_is(server):
    asked = Wanted("half", server.base, "tensorflow-serving", body=b"{}", headers={"content-type": "text/plain"})
    request = await resolve(asked)
    assert (request.method, request.body, request.headers["Content-Type"]) == ("POST", b"{}", "text/plain")
    assert not server.seen


async def test_the_key_is_sent_with_every_request(server):
    server.key = "sesame"
    request = await resolve(Wanted("half", base=server.base, api="tensorflow-serving", key="sesame"))
    await check(request)
    assert server.seen == {"/v1/models/half/metadata": 1, "/v1/models/half:predict": 1}


def test_a_header_wins_over_the_key():
    wanted = Wanted("half", key="a", headers={"authorization": "Bearer b"})
    assert build_headers(wanted)["Authorization"] == "Bearer b"


@pytest.mark.parametrize(("key", "advice"), [(None, "give the model's key"), ("wrong", "the key that was given is")])
async def test_401_asks_for_the_key_and_never_shows_it(server, key, advice):
    server.key = "sesame"
    for attempt in (resolve(Wanted("half", base=server.base, key=key)), _check(f"{server.base}/ok", key)):
        with pytest.raises(LoadtestError, match=advice) as caught:
            await attempt
        assert "401 (no key, or a wrong one)" in str(caught.value)
        assert "wrong " not in str(caught.value).replace("a wrong one", "")


async def _check(url: str, key: str | None) -> None:
    await check(await resolve(Wanted(url, key=key)))


async def test_a_model_that_is_not_there(server):
    with pytest.raises(LoadtestError, match=r"/v1/models/none/metadata answered 404: 404: Not Found"):
        await resolve(Wanted("none", base=server.base))


async def test_a_server_that_is_no_model_server(server):
    with pytest.raises(LoadtestError, match=r"did not answer with JSON; is this a model server\?"):
        await resolve(Wanted("page", base=server.base, api="open-inference"))


async def test_nobody_listens(closed_base):
    with pytest.raises(
        LoadtestError, match=rf"{closed_base}/v1/models/half/metadata does not answer: Connection refused$"
    ):
        await resolve(Wanted("half", base=closed_base, api="tensorflow-serving"))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted("localhost:8080/v1"), "'localhost:8080/v1' is neither a model's name nor a URL"),
        (Wanted("ftp://h/x"), "'ftp://h/x' is not an http:// or https:// URL with a host"),
        (Wanted("http:///x"), "is not an http:// or https:// URL with a host"),
        (Wanted("http://h:99999/"), "is not a URL"),
        (Wanted(f"http://{'a' * 70}.com/"), "is not a URL: "),
        (Wanted("http://..../"), "is not a URL"),
        (Wanted("half", base="h"), "'h' is not an http:// or https:// URL"),
        (Wanted("http://h/", api="open-inference"), "--api and --file go with a model's name"),
        (Wanted("http://h/", file=b"x"), "--api and --file go with a model's name"),
        (Wanted("http://h/", rows=2), "--batch needs a request that is made here"),
        (Wanted("half", rows=2, body=b"{}"), "--batch needs a request that is made here"),
        (Wanted("half", key="a\nb"), "the key holds a character that no header can carry"),
    ],
)
async def test_wrong_use_is_said_before_anything_is_sent(wanted, message):
    with pytest.raises(UsageError, match=message):
        await resolve(wanted)


def test_a_prefix_of_a_shared_host_stays_before_both_paths():
    address = parse_address("http://h/vision/half/v1/models/half/versions/3:predict")
    assert str(address.url) == "http://h/vision/half/v1/models/half/versions/3:predict"
    assert str(address.metadata) == "http://h/vision/half/v1/models/half/versions/3/metadata"


def test_a_printed_url_has_no_secrets():
    assert shown("http://user:pass@h:1/p?signature=s") == "http://h:1/p"
