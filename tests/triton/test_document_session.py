"""The session that the document prints ("Make REST API calls to ModelServer"), call by call, to a real server.

`curl -d` sends a form's content type; the body is JSON all the same.
"""

import re

import pytest
import requests

MODEL = "saved_model_half_plus_three"

STATUS = """\
{
 "model_version_status": [
  {
   "version": "123",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
"""
PREDICTED = """\
{
    "predictions": [3.5, 4.0, 5.5]
}"""
REGRESSED = """\
{
    "results": [3.5, 4.0]
}"""
UNKNOWN = '{ "error": "Servable not found for request: Latest(half)" }'

SESSION = {
    "the model's status": ("GET", MODEL, None, 200, STATUS),
    "predict": ("POST", f"{MODEL}:predict", '{"instances": [1.0,2.0,5.0]}', 200, PREDICTED),
    "regress, by a signature that is not the default": (
        "POST",
        f"{MODEL}:regress",
        '{"signature_name": "tensorflow/serving/regress", "examples": [{"x": 1.0}, {"x": 2.0}]}',
        200,
        REGRESSED,
    ),
    "a model that does not exist": ("POST", "half:predict", '{"instances": [1.0,5.0]}', 404, UNKNOWN),
}


@pytest.mark.parametrize(("method", "path", "body", "status", "printed"), SESSION.values(), ids=SESSION)
def test_every_call_answers_as_printed(served, method, path, body, status, printed):
    form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    answer = requests.request(method, f"{served.url}/v1/models/{path}", data=body, headers=form, timeout=30)

    assert (answer.status_code, answer.text) == (status, printed)
    assert re.match("application/json", answer.headers["Content-Type"])
