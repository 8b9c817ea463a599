"""The two models for tables of examples/ served for real, asked as the document's own client asks: by requests."""

from __future__ import annotations

import base64
import csv
import io

import pytest
import requests

from modelport.client import Client, PredictionOne, Refused

FAR = {"distance_km": 95, "weight_kg": 25, "carrier": "bike"}
NEAR = {"distance_km": 2, "weight_kg": 1, "carrier": "truck"}
NOTHING = {"distance_km": None, "weight_kg": None, "carrier": None}


@pytest.fixture(scope="module")
def ask(served):
    """Send a table, and return the status and the answer: tables by name, or the error."""

    def ask(model, table, *wishes, key=None):
        inputs = [{"name": "pr", "type": "csv", "data": base64.b64encode(table).decode()}, *wishes]
        headers = {"x-api-key": served.keys[model] if key is None else key} if key != "" else {}
        address = f"{served.url}/v1/external/models/{model}/inference"
        reply = requests.post(address, json={"inputs": inputs}, headers=headers, timeout=60)
        if not reply.ok:
            return reply.status_code, reply.json()
        texts = {each["name"]: base64.b64decode(each["data"]).decode() for each in reply.json()["outputs"]}
        return 200, {name: list(csv.DictReader(io.StringIO(text))) for name, text in texts.items()}

    return ask


@pytest.fixture(scope="module")
def deliveries(served):
    with Client(served.url, key=served.keys["deliveries"]) as client:
        yield lambda rows, **wishes: client.predict("deliveries", PredictionOne(rows, **wishes))


def test_the_request_of_the_sample_is_answered_with_reasons(served, examples):
    body = (examples / "models" / "tables" / "deliveries.json").read_bytes()
    address = f"{served.url}/v1/external/models/deliveries/inference"
    reply = requests.post(address, data=body, headers={"x-api-key": served.keys["deliveries"]}, timeout=60)
    texts = {each["name"]: base64.b64decode(each["data"]).decode() for each in reply.json()["outputs"]}
    prediction = list(csv.DictReader(io.StringIO(texts["prediction"])))
    assert [row["parcel"] for row in prediction] == ["A-17", "A-18", "A-19", "A-20", "A-21"]
    assert [row["prediction"] for row in prediction][:2] == ["on_time", "late"]
    reasons = list(csv.DictReader(io.StringIO(texts["prediction_analysis"])))
    assert [float(row["distance_km"]) for row in reasons][3] == 0, "A-20 tells no distance"
    assert reasons[4]["carrier"] == "0.0", "A-21 tells no carrier"


def test_rows_are_predicted_together_as_they_are_alone(deliveries):
    rows = [FAR, NEAR, NOTHING] * 40  # more than the model takes at once
    together = deliveries(rows, row_numbers=False)
    assert [row["prediction"] for row in together.rows][:2] == ["late", "on_time"]
    alone = [deliveries([row], row_numbers=False).rows[0] for row in rows[:3]]
    for row, expected in zip(together.rows, alone * 40, strict=True):
        assert row["prediction"] == expected["prediction"]
        assert float(row["probability_late"]) == pytest.approx(float(expected["probability_late"]), abs=1e-6)


def test_reasons_say_which_column_decided(deliveries):
    (reasons,) = deliveries([FAR], reasons=True).reasons
    assert all(float(reasons[name]) > 0 for name in FAR), "far, heavy and by bike: each speaks for late"
    assert float(reasons["distance_km"]) > float(reasons["carrier"])


def test_the_regression_reads_its_columns_in_its_own_order(ask):
    status, answer = ask("minutes", b"floor,minutes,weight_kg,distance_km\r\n0,999,0,10\r\n8,,30,\r\n")
    assert status == 200
    first, second = (float(row["minutes"]) for row in answer["prediction"])
    assert first == pytest.approx(6 + 15, abs=1.5)
    assert second > first + 50, "a missing distance is the mean one"


def test_the_documents_errors(ask, served):
    def told(*arguments, **options):
        status, error = ask(*arguments, **options)
        assert (error["code"], error["error"]) == (4001000204, "PREDA_EXTERNAL_BAD_REQUEST")
        return status, error["message"]

    table = b"distance_km,weight_kg,carrier\n1,2,van\n"
    assert told("deliveries", table, key="") == (400, "invalid_api_key.")
    assert told("deliveries", table, key="mp_unknown") == (400, "Not_found_credential.")
    assert told("deliveries", table, key=served.keys["minutes"]) == (400, "Not_found_credential.")
    assert told("nobodys", table, key="mp_unknown") == (400, "Not found classifier.")
    status, message = told("deliveries", b"distance_km,weight_kg,carrier\n1,2,van\n1,heavy,van\n")
    assert (status, message) == (
        400,
        'inputs[0].data: line 3, column "weight_kg": expected a number (FP32), got "heavy"',
    )
    status, message = told(
        "minutes", b"distance_km,weight_kg,floor\n1,2,3\n", {"name": "ar", "type": "boolean", "data": True}
    )
    assert message == "inputs[1].data: the model gives no reasons: it has no output named 'contributions'"


def test_an_error_is_no_challenge_to_bring_a_token(served):
    reply = requests.post(f"{served.url}/v1/external/models/deliveries/inference", json={}, timeout=60)
    assert reply.status_code == 400
    assert "WWW-Authenticate" not in reply.headers


def test_a_wrong_method_and_a_large_body_keep_their_status(served):
    address = f"{served.url}/v1/external/models/deliveries/inference"
    assert requests.get(address, timeout=60).status_code == 405
    headers = {"x-api-key": served.keys["deliveries"], "Content-Encoding": "br"}
    assert requests.post(address, data=b"x", headers=headers, timeout=60).status_code == 415


def test_the_client_is_told_what_was_wrong(deliveries):
    with pytest.raises(Refused) as caught:
        deliveries([{"distance_km": 1}])
    assert (caught.value.status, caught.value.code) == (400, "PREDA_EXTERNAL_BAD_REQUEST")
    assert caught.value.message.startswith('inputs[0].data: the column "weight_kg" is missing')
