"""The names of Azure's computer vision package (cvtk), so that programs which score pictures change import lines alone.

    from cvtk import CNTKTLModel                             from modelport.client.cvtk import CNTKTLModel
    from cvtk.operationalization import AMLDeployment        from modelport.client.cvtk import AMLDeployment
    from cvtk.utils.constants import ClassificationREST…     from modelport.client.cvtk import ClassificationREST…

The article: "Web サービスを使用する" and the section after it. Names, capitals and spelling are its own. Making or
removing a service is its publisher's work; the methods for it say so.
"""

from __future__ import annotations

import json
import math
import os
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any, NoReturn
from urllib.error import HTTPError

from modelport.client.asynchronous import parse_url, shown
from modelport.client.blocking import Client
from modelport.client.errors import BadAnswer, ClientError, InvalidCall, Refused, Unreachable
from modelport.client.files import File, is_url, read_file
from modelport.client.formats.azureml import AzureMl, read_scores

URL_VARIABLE = "MODELPORT_URL"
"""Environment variable with the server's address, for programs that give none."""
KEY_VARIABLE = "MODELPORT_KEY"
"""Environment variable with the model's key; absent for a model that is open to all."""

PICTURE_BYTES = 64 << 20
"""Of a picture that is fetched from an address, at most; the server takes no larger body by default either."""
FETCH_SECONDS = 30.0
NOT_FOUND = 404


class ClassificationRESTApiParamters:  # the package's own spelling
    """Names of the parameters that a service takes."""

    ADD_SOFTMAX = "add_softmax"


class AMLDeployment:
    """A published model, by the name of its service."""

    def __init__(
        self,
        deployment_name: str,
        associated_DNNModel: CNTKTLModel | None = None,  # noqa: N803 as the package names it
        aml_env: str = "cluster",
        **cluster: object,
    ) -> None:
        """Take the model's name.

        The server's address and the key come from the environment: MODELPORT_URL and MODELPORT_KEY. `aml_env`, and
        `cluster_name`, `resource_group`, `replicas` in `cluster`, belong to the publishing of a model and are ignored.
        """
        self.deployment_name = deployment_name
        self.associated_DNNModel = associated_DNNModel
        self.aml_env = aml_env

    def score_image(
        self,
        image_path_or_url: File,
        image_resize_dims: Sequence[int] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """Score one picture, by path or address; return the scores as JSON, `[[0.1, 0.9]]`. Raise ClientError."""
        return _score(
            _service_address(self.deployment_name), _environment_key(), image_path_or_url, image_resize_dims, parameters
        )

    @staticmethod
    def score_existing_service_with_image(
        image_path_or_url: File,
        service_endpoint_url: str,
        service_key: str | None = None,
        image_resize_dims: Sequence[int] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """Score one picture at a service's own address; return the scores as JSON. Raise ClientError."""
        return _score(service_endpoint_url, service_key, image_path_or_url, image_resize_dims, parameters)

    def is_existing_service(self) -> bool:
        """Tell whether a model of this name is published; raise ClientError where the key does not open it."""
        return _exists(self.deployment_name)

    def deploy(self) -> None:
        """Make sure that the model is published; raise ClientError where it is not, since a client cannot do it."""
        if not self.is_existing_service():
            raise InvalidCall(
                f"{self.deployment_name} is not published; apply its PublishedModel, or modelport serve it"
            )

    def delete(self) -> None:
        """Make sure that no such model is published; raise ClientError where one is."""
        self.delete_if_service_exist(self.deployment_name)

    @staticmethod
    def delete_if_service_exist(deployment_name: str) -> None:
        """Make sure that no such model is published; raise ClientError where one is."""
        if _exists(deployment_name):
            raise InvalidCall(
                f"{deployment_name} is published, and a client cannot end that: delete its PublishedModel"
            )

    def build_docker_image(self) -> NoReturn:
        """Raise InvalidCall: a published model has no image of its own."""
        raise InvalidCall("build_docker_image: a published model has no image of its own")

    @staticmethod
    def list_deployment() -> NoReturn:
        """Raise InvalidCall: whoever holds one model's key is not told of others."""
        raise InvalidCall("list_deployment: a model's key does not open the list of models; ask the publisher")


class CNTKTLModel:
    """The classes of a published classifier; it holds no network and trains nothing."""

    def __init__(self, labels: Sequence[Any], *network: object, **settings: object) -> None:
        """Take the labels in the order of the model's scores: texts, or the package's objects with a `name`.

        `base_model_name` and `image_dims` belong to training and are ignored.
        """
        self.class_map: Mapping[int, str] = {
            index: str(getattr(label, "name", label)) for index, label in enumerate(labels)
        }
        """Each class' name by its place in the scores."""

    def train(self, *data: object, **settings: object) -> NoReturn:
        """Raise InvalidCall: models are trained elsewhere."""
        raise InvalidCall("train: this class names the classes of a published model, which was trained elsewhere")

    @staticmethod
    def parse_serialized_result(serialized_result: str | bytes | Sequence[Any]) -> list[list[float]]:
        """Return one list of class scores for each picture; a score that is null is NaN.

        Args:
            serialized_result: what scoring gave: JSON text, the scores of one picture, a list of them, or a list of
                JSON texts.

        Raises:
            BadAnswer: it is none of these.
        """
        try:
            return [list(row) for row in read_scores(_rows(serialized_result))]
        except (ValueError, TypeError, RecursionError) as error:
            raise BadAnswer("expected the scores of pictures: JSON text, a list, or a list of lists") from error


def _rows(result: Any) -> list[Any]:
    """Return a list of lists from any of the shapes; a service may have put JSON text into JSON text."""
    if isinstance(result, str | bytes):
        return _rows(json.loads(result))
    if not isinstance(result, Sequence):
        raise TypeError("neither text nor a list")
    if result and all(score is None or isinstance(score, int | float) for score in result):
        return [result]
    return [row for each in result for row in (_rows(each) if isinstance(each, str | bytes) else [each])]


def _score(
    address: str,
    key: str | None,
    image: File,
    image_resize_dims: Sequence[int] | None,
    parameters: Mapping[str, Any] | None,
) -> str:
    asked = dict(parameters or {})
    if image_resize_dims is not None:
        asked["image_resize_dims"] = list(image_resize_dims)
    request = AzureMl([_fetch(image) if isinstance(image, str) and is_url(image) else read_file(image)], asked)
    with Client(key=key) as client:
        scores = client.predict_at(address, request).scores
    return json.dumps([[score if math.isfinite(score) else None for score in row] for row in scores])


def _exists(name: str) -> bool:
    """Ask for the scores of no picture, which the gateway answers without the model."""
    with Client(key=_environment_key()) as client:
        try:
            client.predict_at(_service_address(name), AzureMl([]))
        except Refused as refused:
            if refused.status == NOT_FOUND:
                return False
            raise
    return True


def _service_address(name: str) -> str:
    base = os.environ.get(URL_VARIABLE, "")
    if not base:
        raise InvalidCall(f"the environment variable {URL_VARIABLE} is not set; expected the address of the server")
    return base.rstrip("/") + AzureMl([]).address(name)


def _environment_key() -> str | None:
    return os.environ.get(KEY_VARIABLE) or None


def _fetch(address: str) -> bytes:
    """Return the picture at an address, as the package does it: here, since the service takes base64 alone. No key."""
    where = shown(parse_url(address))
    try:
        with urllib.request.urlopen(address, timeout=FETCH_SECONDS) as response:  # noqa: S310 http and https alone
            data: bytes = response.read(PICTURE_BYTES + 1)
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()
        reason = getattr(error, "reason", None) or type(error).__name__
        raise Unreachable(f"cannot fetch the picture {where}: {reason}") from error
    if len(data) > PICTURE_BYTES:
        raise ClientError(f"the picture {where} has more than {PICTURE_BYTES} bytes")
    return data
