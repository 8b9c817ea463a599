"""The small values of the resource: names, addresses, quantities, times, and lists whose entries differ in a key.

Every text is bounded in length and every list in entries: that keeps objects small and, in the API server, the cost of
the rules within its budget. `MEANINGS` words each pattern for people.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
_MODEL_NAME = r"^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$"
_TAG = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
_URI = r"^[a-z][a-z0-9+.-]*:[^\s]+$"
_DIGEST = r"^sha256:[0-9a-f]{64}$"
_RELATIVE_FILE = r"^[A-Za-z0-9_][A-Za-z0-9_. -]*(/[A-Za-z0-9_][A-Za-z0-9_. -]*)*$"
_IMAGE = r"^[a-z0-9][a-zA-Z0-9._:/-]*(@sha256:[0-9a-f]{64})?$"
_URL_PATH = r"^/[A-Za-z0-9._~/-]*$"
_ORIGIN = r"^(\*|https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?)$"
_HOST_PATTERN = r"^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$"
_TIME_ZONE = r"^(UTC|GMT|[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){1,2})$"
_START = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_END = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
_ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"

MEANINGS: Mapping[str, str] = {
    _DNS_LABEL: "lower-case letters, digits and hyphens, such as my-model",
    _DNS_NAME: "lower-case letters, digits, hyphens and dots, such as models.example.com",
    _LABEL_KEY: "a Kubernetes label name, such as nvidia.com/gpu",
    _MODEL_NAME: "letters, digits, underscores, hyphens and dots, such as half_plus_two",
    _TAG: "letters, digits, underscores, hyphens and dots, such as spring-2026",
    _URI: "a URI, such as s3://models/tableware/",
    _DIGEST: "sha256: and 64 hexadecimal digits in lower case",
    _RELATIVE_FILE: "a path below the model's folder, such as labels.txt",
    _IMAGE: "an image's name, such as registry.example.com/tritonserver:25.10-py3",
    _URL_PATH: "a path that begins with / and holds letters, digits and . _ ~ - /",
    _ORIGIN: "an origin, such as https://app.example.com, or *",
    _HOST_PATTERN: "a host such as images.example.com, *.example.com or images.example.com:8443",
    _TIME_ZONE: "an IANA time zone, such as Europe/Berlin",
    _START: 'a time of day from "00:00" to "23:59"',
    _END: 'a time of day from "00:00" to "24:00"',
    _ENV_NAME: "a variable's name: letters, digits and underscores",
    _QUANTITY: "a quantity, such as 500m, 2 or 4Gi",
}
"""What each pattern stands for, after "expected"."""


def _text(pattern: str, max_length: int) -> Any:
    return Field(pattern=pattern, min_length=1, max_length=max_length)


DnsLabel = Annotated[str, _text(_DNS_LABEL, 63)]
DnsName = Annotated[str, _text(_DNS_NAME, 253)]
LabelKey = Annotated[str, _text(_LABEL_KEY, 317)]
ModelName = Annotated[str, _text(_MODEL_NAME, 63)]
Tag = Annotated[str, _text(_TAG, 63)]
Uri = Annotated[str, _text(_URI, 2048)]
Digest = Annotated[str, _text(_DIGEST, 71)]
RelativeFile = Annotated[str, _text(_RELATIVE_FILE, 256)]
ImageName = Annotated[str, _text(_IMAGE, 512)]
UrlPath = Annotated[str, _text(_URL_PATH, 256)]
Origin = Annotated[str, _text(_ORIGIN, 261)]
HostPattern = Annotated[str, _text(_HOST_PATTERN, 261)]
TimeZone = Annotated[str, _text(_TIME_ZONE, 64)]
StartTime = Annotated[str, _text(_START, 5)]
EndTime = Annotated[str, _text(_END, 5)]
EnvName = Annotated[str, _text(_ENV_NAME, 128)]

Name = Annotated[str, Field(min_length=1, max_length=256)]
"""The name of a tensor, a feature, a column or a class: any text."""
Version = Annotated[int, Field(ge=1, le=2**53 - 1)]
"""The number of a version folder; every JSON reader holds it exactly."""
Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[int, Field(ge=0, le=100)]


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass(frozen=True)
class _IntOrString:
    """Kubernetes' way to say that a quantity may be written with and without quotes."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        text = handler(schema)
        return {"x-kubernetes-int-or-string": True} | {key: text[key] for key in ("pattern", "maxLength")}


Quantity = Annotated[str, _text(_QUANTITY, 32), BeforeValidator(_number_as_text), _IntOrString()]
"""An amount in Kubernetes' notation, always text in Python: `cpu: 2` is read as "2"."""


def _calendar_date(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise PydanticCustomError("date", "a date, such as 2026-12-31") from error
    return value


def _cidr(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise PydanticCustomError("cidr", "an address range, such as 10.1.0.0/16") from error
    return value


CalendarDate = Annotated[
    str, Field(min_length=10, max_length=10, json_schema_extra={"format": "date"}), AfterValidator(_calendar_date)
]
"""A day as text, `2026-12-31`: it is the key of a list, and a day has no hour."""
Cidr = Annotated[str, Field(min_length=3, max_length=43, json_schema_extra={"format": "cidr"}), AfterValidator(_cidr)]
Moment = Annotated[AwareDatetime, Field(json_schema_extra={"maxLength": 64})]
"""An instant; RFC 3339 with a zone, `2027-01-01T00:00:00Z`."""


@dataclass(frozen=True)
class ListMap:
    """Marks a list whose entries differ in `key`: Kubernetes merges them by it and refuses a second of the same."""

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._differ, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}

    def _differ(self, entries: tuple[Any, ...]) -> tuple[Any, ...]:
        _refuse_doubled([getattr(entry, self.key) for entry in entries], f"entries that differ in {self.key}")
        return entries


@dataclass(frozen=True)
class ListSet:
    """Marks a list of plain values, each of which may stand in it once."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._differ, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"x-kubernetes-list-type": "set"}

    def _differ(self, entries: tuple[Any, ...]) -> tuple[Any, ...]:
        _refuse_doubled(list(entries), "entries that differ")
        return entries


def _refuse_doubled(keys: list[object], expected: str) -> None:
    doubled = next((key for index, key in enumerate(keys) if key in keys[:index]), None)
    if doubled is not None:
        raise PydanticCustomError(
            "doubled", "{expected}, got {doubled} twice", {"expected": expected, "doubled": doubled}
        )
