from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from modelport.gateway.metrics import GatewayMetrics
from modelport.gateway.metrics import triton as module
from modelport.gateway.metrics.triton import as_openmetrics, fetch_triton_metrics

TRITON = """\
# HELP nv_inference_request_success Number of successful inference requests, all batch sizes
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="half",version="1"} 1
nv_inference_request_success{model="echo",version="1"} 0
# HELP nv_inference_request_failure Number of failed inference requests, all batch sizes
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{model="half",reason="OTHER",version="1"} 0
# HELP nv_cpu_utilization CPU utilization rate [0.0 - 1.0]
# TYPE nv_cpu_utilization gauge
nv_cpu_utilization 0.25
# HELP nv_inference_request_summary_us Summary of inference request duration in microseconds (includes cached requests)
# TYPE nv_inference_request_summary_us summary
nv_inference_request_summary_us_count{model="half",version="1"} 1
nv_inference_request_summary_us_sum{model="half",version="1"} 31620
nv_inference_request_summary_us{model="half",version="1",quantile="0.5"} 31620
nv_inference_request_summary_us{model="half",version="1",quantile="1"} NaN
# HELP nv_inference_first_response_histogram_ms Duration from request to first response in milliseconds
# TYPE nv_inference_first_response_histogram_ms histogram
nv_inference_first_response_histogram_ms_count{model="half",version="1"} 3
nv_inference_first_response_histogram_ms_sum{model="half",version="1"} 90
nv_inference_first_response_histogram_ms_bucket{model="half",version="1",le="100"} 2
nv_inference_first_response_histogram_ms_bucket{model="half",version="1",le="500"} 3
nv_inference_first_response_histogram_ms_bucket{model="half",version="1",le="+Inf"} 3
"""
"""As Triton 2.51 writes it; the histogram as Triton 2.55 does."""

OTHERS = "# HELP process_cpu_seconds Of somebody else\n# TYPE process_cpu_seconds counter\nprocess_cpu_seconds 1\n\n"


def names(text: str, parse=parse_prometheus) -> dict[str, str]:  # type: ignore[no-untyped-def]
    return {family.name: family.type for family in parse(text) if family.name.startswith("nv_")}


def test_the_text_format_hands_on_every_line_as_it_came() -> None:
    metrics = GatewayMetrics()
    ours, _ = metrics.render(None)
    joined, _ = metrics.render(None, TRITON)
    assert joined == ours + TRITON.encode()
    assert names(joined.decode()) == names(TRITON)


def test_openmetrics_keeps_the_names_and_calls_the_counters_unknown() -> None:
    body, _ = GatewayMetrics().render("application/openmetrics-text", TRITON)
    assert names(body.decode(), parse_openmetrics) == {
        "nv_inference_request_success": "unknown",
        "nv_inference_request_failure": "unknown",
        "nv_cpu_utilization": "gauge",
        "nv_inference_request_summary_us": "summary",
        "nv_inference_first_response_histogram_ms": "histogram",
    }


def test_openmetrics_differs_in_types_and_bounds_alone() -> None:
    lines = zip(TRITON.splitlines(), as_openmetrics(TRITON).splitlines(), strict=True)
    histogram = 'nv_inference_first_response_histogram_ms_bucket{model="half",version="1",'
    summary = 'nv_inference_request_summary_us{model="half",version="1",'
    assert [(ours, theirs) for ours, theirs in lines if ours != theirs] == [
        ("# TYPE nv_inference_request_success counter", "# TYPE nv_inference_request_success unknown"),
        ("# TYPE nv_inference_request_failure counter", "# TYPE nv_inference_request_failure unknown"),
        (summary + 'quantile="1"} NaN', summary + 'quantile="1.0"} NaN'),
        (histogram + 'le="100"} 2', histogram + 'le="100.0"} 2'),
        (histogram + 'le="500"} 3', histogram + 'le="500.0"} 3'),
    ]


def test_nothing_of_tritons_leaves_ours_complete() -> None:
    assert GatewayMetrics().render("application/openmetrics-text", "")[0].count(b"# EOF") == 1


async def fetched(answer: web.Response | None) -> str | None:
    """What a Triton that answers so gives; None for one that hangs."""

    async def metrics(_: web.Request) -> web.Response:
        if answer is None:
            await asyncio.sleep(60)
        return answer or web.Response()

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    async with TestServer(app) as server:
        return await fetch_triton_metrics(str(server.make_url("/metrics")))


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param(web.Response(text=TRITON), TRITON, id="its own metrics"),
        pytest.param(web.Response(text=OTHERS + TRITON), TRITON, id="nothing that is not nv_"),
        pytest.param(web.Response(text=""), "", id="an empty page is an answer"),
        pytest.param(web.Response(status=500, text=TRITON), None, id="an error is none"),
        pytest.param(web.Response(body=b"nv_x \xff\xfe"), None, id="nor are bytes that are no text"),
    ],
)
async def test_what_is_fetched(answer: web.Response, text: str | None) -> None:
    assert await fetched(answer) == text


async def test_a_triton_that_hangs_does_not_hold_the_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.02)
    assert await fetched(None) is None


async def test_a_triton_that_is_gone_is_none(unused_tcp_port: int) -> None:
    assert await fetch_triton_metrics(f"http://127.0.0.1:{unused_tcp_port}/metrics") is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:port/metrics", "http://[::1/metrics", "metrics"])
async def test_an_address_that_is_none_is_none(url: str) -> None:
    assert await fetch_triton_metrics(url) is None
