"""`spec.access`: at which address the model answers, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from modelport.api.frozen import Frozen, Rule
from modelport.api.scalars import Cidr, DnsLabel, DnsName, HostPattern, ListMap, ListSet, Moment, Origin, UrlPath


class KeySecretRef(Frozen):
    """An entry of a Secret."""

    name: DnsName
    """Name of the Secret."""
    key: Annotated[str, Field(min_length=1, max_length=253)] = "key"
    """Entry of the Secret that holds the key. `key` by default."""


class AccessKey(Frozen):
    """A key that opens the model."""

    name: DnsLabel
    """Name of the key, which metrics and logs show in its place."""
    expires: Moment | None = None
    """When the key stops working, such as 2027-01-01T00:00:00Z. Absent: never."""
    secret_ref: KeySecretRef | None = None
    """Secret that holds a key of your own. Absent: a key is made and kept in the Secret NAME-keys."""

    rules = (
        Rule(
            "!has(self.secretRef) || !has(self.expires)",
            "expires does not go with secretRef: a key of your own ends when you take it out of its Secret",
            ".expires",
        ),
    )


class RateLimit(Frozen):
    """How fast one key may ask."""

    requests_per_second: Annotated[float, Field(gt=0, le=1e6)]
    """Requests per second in the long run, over all instances; above it 429 with Retry-After."""
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Requests that may come at once. Absent: those of one second, at least 1."""


class Tls(Frozen):
    """TLS of an address."""

    secret_name: DnsName | None = None
    """Secret with the certificate. Absent: the ingress controller's own."""


class Ingress(Frozen):
    """An address by an Ingress."""

    host: DnsName | None = None
    """Host name of the address. Absent: the operator's shared host."""
    path: UrlPath | None = None
    """Path below which the model answers; it is taken off before the API's own path. Absent: / on a host of one's own,
    /NAMESPACE/NAME on the shared host."""
    class_name: DnsName | None = None
    """Ingress class. Absent: the cluster's default."""
    tls: Tls | None = None
    """Serves https. Absent: http."""
    annotations: Annotated[Mapping[str, Annotated[str, Field(max_length=32768)]], Field(max_length=64)] = Field(
        default_factory=dict
    )
    """Annotations of the Ingress, for its controller."""


class Gateway(Frozen):
    """An address by an HTTPRoute of a Gateway."""

    name: DnsName
    """Name of the Gateway."""
    namespace: DnsLabel | None = None
    """Namespace of the Gateway. Absent: that of the resource."""
    host: DnsName | None = None
    """Host name of the address. Absent: that of the Gateway's listener."""
    path: UrlPath | None = None
    """Path below which the model answers; it is taken off before the API's own path. Absent: / on a host of one's own,
    /NAMESPACE/NAME otherwise."""


class ImageUrls(Frozen):
    """From where pictures may be fetched that a request names by URL."""

    allow: Annotated[tuple[HostPattern, ...], Field(min_length=1, max_length=64), ListSet()]
    """Hosts, such as images.example.com, *.example.com or images.example.com:8443; ports 80 and 443 unless one is
    given; no addresses."""
    allow_cidrs: Annotated[tuple[Cidr, ...], Field(max_length=64), ListSet()] = ()
    """Private address ranges in which the hosts may lie. Loopback, link-local and metadata addresses are never
    fetched."""

    rules = (
        Rule(
            "self.allow.all(host, !host.matches('^[0-9.]+(:[0-9]+)?$'))",
            "hosts are named, not given as addresses",
            ".allow",
        ),
    )


class Cors(Frozen):
    """Which web pages may call the model."""

    allow_origins: Annotated[tuple[Origin, ...], Field(min_length=1, max_length=64), ListSet()]
    """Origins, such as https://app.example.com, or * for every page."""


class Access(Frozen):
    """At which address the model answers, and to whom."""

    keys: Annotated[tuple[AccessKey, ...], Field(max_length=64), ListMap("name")] = ()
    """Keys that open the model. Absent, and not anonymous: one key named default."""
    anonymous: bool = False
    """Answers without a key; all callers then share one rate limit. False by default."""
    rate_limit: RateLimit | None = None
    """How fast one key may ask. Absent: no limit."""
    ingress: Ingress | None = None
    """An address by an Ingress. Absent, like `gateway`: the model answers inside the cluster only."""
    gateway: Gateway | None = None
    """An address by an HTTPRoute of a Gateway."""
    image_urls: ImageUrls | None = None
    """From where pictures may be fetched that a request names by URL. Absent: from nowhere."""
    cors: Cors | None = None
    """Which web pages may call the model. Absent: none."""
    grpc: bool = False
    """Offers Open Inference gRPC on a second port of the Service, keys checked. Not served yet, hence refused."""

    rules = (
        Rule(
            "!self.anonymous || !has(self.keys) || size(self.keys) == 0",
            "keys do not go with anonymous: a model that answers everybody ignores them",
            ".keys",
        ),
        Rule("!has(self.ingress) || !has(self.gateway)", "ingress and gateway exclude each other", ".gateway"),
        Rule("!self.grpc", "gRPC is not served yet; leave the field out", ".grpc"),
    )
