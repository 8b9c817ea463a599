"""Metrics of a real server over a real Triton: each declared one is there, and moves when and as it should.

We test these aspects: both text formats; what a request, a refusal and a failure move; gauges while a request is on its
way; time accounts, CPU and memory; Triton's own metrics; a Triton that dies; several workers as one; no key anywhere.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from modelport.gateway.metrics.gpu import GPU, Nvml
from modelport.gateway.metrics.table import CPU_LIMIT, DECLARED, MEMORY_LIMIT, STAGES, Kind

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0, text/plain; q=0.5"}
HALF = {"model": "half_plus_two", "namespace": "default"}
PREDICT = {**HALF, "api": "tensorflow-serving", "version": "1"}
SPENT = [stage for stage in STAGES if stage != "fetch"]
"""A request of numbers names no picture by URL."""


class Scrape:
    """All samples of one answer of `/metrics`."""

    def __init__(self, server, headers=None):
        answer = requests.get(f"{server.metrics_url}/metrics", headers=headers, timeout=10)
        answer.raise_for_status()
        self.text, self.content_type = answer.text, answer.headers["Content-Type"]
        parse = parse_openmetrics if self.content_type.startswith("application/openmetrics-text") else parse_prometheus
        self.families = {family.name: family for family in parse(self.text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def __call__(self, name, **labels):
        """The sum over the series that have these labels; 0 without any."""
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())


def moved(server, act, name, **labels):
    """By how much a number is another after an act."""
    before = Scrape(server)(name, **labels)
    act()
    return Scrape(server)(name, **labels) - before


@pytest.fixture
def predict(served):
    return lambda **how: served.predict("half_plus_two", {"instances": [1.0, 2.0, 5.0]}, **how)


class TestPresence:
    @pytest.mark.parametrize("headers", [None, OPENMETRICS], ids=["prometheus", "openmetrics"])
    def test_every_metric_that_can_exist_here_is_there(self, served, predict, headers):
        predict()
        predict(key="wrong")
        absent = {CPU_LIMIT, MEMORY_LIMIT} | (set() if Nvml.open() else set(GPU))
        found = Scrape(served, headers).families
        for declared in DECLARED:
            name = declared.name.removesuffix("_total") if declared.kind is Kind.COUNTER else declared.name
            if declared not in absent:
                assert found[name].type == declared.kind.value
            elif declared in GPU:
                assert name not in found, "absent, not 0, where there is no GPU"

    def test_metrics_are_on_their_own_port_alone(self, served):
        assert requests.get(f"{served.url}/metrics", timeout=10).status_code == 404

    def test_no_key_is_in_them(self, served, predict):
        predict()
        predict(key="a-key-that-nobody-has")
        for headers in (None, OPENMETRICS):
            text = Scrape(served, headers).text
            assert "a-key-that-nobody-has" not in text
            assert not [key for key in served.keys.values() if key in text]

    def test_a_bucket_leads_to_a_trace(self, served):
        trace = "0af7651916cd43dd8448eb211c80319c"
        headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "x-api-key": served.keys["half_plus_two"]}
        body = {"instances": [1.0]}
        requests.post(f"{served.url}/v1/models/half_plus_two:predict", json=body, headers=headers, timeout=10)
        exemplars = [sample.exemplar for sample in Scrape(served, OPENMETRICS).samples if sample.exemplar]
        assert {"trace_id": trace} in [exemplar.labels for exemplar in exemplars]


class TestRequests:
    @pytest.mark.parametrize(
        ("name", "labels", "step"),
        [
            ("modelport_requests_total", {**PREDICT, "code": "2xx"}, 1),
            ("modelport_key_requests_total", {**HALF, "key": "default"}, 1),
            ("modelport_billable_requests_total", HALF, 1),
            ("modelport_batch_size_count", {**HALF, "version": "1"}, 1),
            ("modelport_batch_size_sum", {**HALF, "version": "1"}, 3),
            ("modelport_request_bytes_total", PREDICT, len(b'{"instances": [1.0, 2.0, 5.0]}')),
            *(("modelport_request_duration_seconds_count", {**PREDICT, "stage": stage}, 1) for stage in SPENT),
            ("modelport_request_duration_seconds_count", {**PREDICT, "stage": "fetch"}, 0),
            ("modelport_errors_total", HALF, 0),
        ],
    )
    def test_an_answer_moves(self, served, predict, name, labels, step):
        assert moved(served, predict, name, **labels) == step

    def test_the_bytes_of_an_answer_are_counted(self, served, predict):
        size = len(predict().content)
        assert moved(served, predict, "modelport_response_bytes_total", **PREDICT) == size

    def test_stages_are_parts_of_the_total(self, served, predict):
        before = Scrape(served)
        predict()
        after = Scrape(served)
        name = "modelport_request_duration_seconds_sum"
        spent = {stage: after(name, **PREDICT, stage=stage) - before(name, **PREDICT, stage=stage) for stage in SPENT}
        total = spent.pop("total")
        assert 0 < sum(spent.values()) <= total < 10

    @pytest.mark.parametrize(
        ("body", "key", "reason"),
        [({"instances": ["x"]}, None, "bad_request"), ({"instances": [1.0]}, "wrong", "unauthorized")],
    )
    def test_an_error_moves_its_reason(self, served, body, key, reason):
        before = Scrape(served)
        served.predict("half_plus_two", body, key=key)
        after = Scrape(served)
        for name, labels in (
            ("modelport_errors_total", {"reason": reason}),
            ("modelport_requests_total", {"code": "4xx"}),
        ):
            assert after(name, **HALF, **labels) - before(name, **HALF, **labels) == 1
        assert after("modelport_billable_requests_total", **HALF) == before("modelport_billable_requests_total", **HALF)

    def test_names_that_callers_make_up_make_no_series(self, served):
        def ask():
            for number in range(3):
                served.predict(f"made-up-{number}", {"instances": [1.0]})

        labels = {"model": "", "reason": "model_not_found"}
        assert moved(served, ask, "modelport_errors_total", **labels) == 3
        assert "made-up" not in Scrape(served).text


class TestTriton:
    @pytest.mark.parametrize("headers", [None, OPENMETRICS], ids=["prometheus", "openmetrics"])
    def test_its_own_metrics_are_passed_on(self, served, predict, headers):
        name = "nv_inference_request_success" + ("_total" if headers is None else "")  # the text parser appends it

        def count():
            return Scrape(served, headers)(name, model="half_plus_two")

        before = count()
        predict()
        served.eventually(lambda: count() > before)  # Triton counts a request after it has answered it
        after = Scrape(served, headers)
        assert 'nv_inference_request_success{model="half_plus_two",version="1"}' in after.text
        assert after("modelport_triton_up") == 1

    def test_both_formats_have_the_same_of_them(self, served):
        plain, openmetrics = Scrape(served), Scrape(served, OPENMETRICS)
        names = {name for name in plain.families if name.startswith("nv_")}
        assert len(names) > 10
        assert names == {name for name in openmetrics.families if name.startswith("nv_")}


class TestMachine:
    def test_uptime_grows_with_the_time(self, served):
        elapsed = time.monotonic()
        up = moved(served, lambda: time.sleep(2.5), "modelport_model_uptime_seconds_total", **HALF)
        elapsed = time.monotonic() - elapsed
        assert 0.5 < up < elapsed + 2
        assert Scrape(served)("modelport_model_ready", **HALF) == 1

    def test_memory_is_that_of_every_process_triton_among_them(self, served):
        if (scrape := Scrape(served))("modelport_memory_limit_bytes"):
            pytest.fail("this suite runs outside of a container's cgroup, or else this test says nothing")
        triton = served.descendants("tritonserver")
        assert triton
        assert scrape("modelport_memory_bytes") > sum(process.memory_info().rss for process in triton)

    def test_cpu_time_grows_with_work(self, served, predict):
        assert moved(served, lambda: [predict() for _ in range(50)], "modelport_cpu_seconds_total") > 0


class TestLife:
    def test_requests_on_their_way_are_seen(self, start_server, two_models):
        server = start_server(two_models)
        labels = {"model": "sleeper", "namespace": "default"}
        with ThreadPoolExecutor(2) as pool:
            answers = [pool.submit(server.predict, "sleeper", {"inputs": [1.0]}) for _ in range(2)]
            server.eventually(lambda: Scrape(server)("modelport_requests_in_flight", **labels) == 2)
            assert Scrape(server)("modelport_queue_length", **labels) == 2
            assert [answer.result().status_code for answer in answers] == [200, 200]
        after = Scrape(server)
        assert after("modelport_requests_in_flight", **labels) == 0
        assert after("modelport_queue_length", **labels) == 0
        assert after("modelport_cold_start_seconds_count", **labels) == 1

    def test_a_triton_that_dies_is_seen_and_so_is_its_return(self, start_server, two_models):
        server = start_server(two_models)
        server.eventually(lambda: Scrape(server)("modelport_model_uptime_seconds_total", **HALF) > 0)
        before = Scrape(server)
        for process in server.descendants("bin/tritonserver"):
            process.kill()
        server.eventually(lambda: Scrape(server)("modelport_model_ready", **HALF) == 0)
        server.eventually(lambda: Scrape(server)("modelport_model_ready", **HALF) == 1, seconds=60)
        server.eventually(lambda: Scrape(server)("modelport_triton_restarts_total") == 1)
        after = Scrape(server)
        down = "modelport_model_unplanned_downtime_seconds_total"
        assert after(down, **HALF) > before(down, **HALF)
        assert after("modelport_cpu_seconds_total") >= before("modelport_cpu_seconds_total")
        assert after("modelport_triton_up") == 1

    def test_a_broken_file_of_the_configuration_is_seen(self, start_server, two_models):
        server = start_server(two_models)
        stray = server.state / "serving" / "models" / "stray.json"  # nobody else writes it
        stray.write_text("{")
        server.eventually(lambda: Scrape(server)("modelport_config_problems") == 1)
        assert server.predict("half_plus_two", {"instances": [1.0]}).status_code == 200
        stray.unlink()
        server.eventually(lambda: Scrape(server)("modelport_config_problems") == 0)

    def test_several_workers_answer_as_one(self, start_server, two_models):
        server = start_server(two_models, "--workers", 2)
        for _ in range(20):  # a new connection each, so that both workers have some
            answer = server.predict("half_plus_two", {"instances": [1.0]})
            assert answer.status_code == 200, answer.text + server.err[-3000:]
        found = [Scrape(server, headers) for headers in (None, OPENMETRICS) for _ in range(6)]
        assert {scrape("modelport_requests_total", **PREDICT, code="2xx") for scrape in found} == {20}
        assert {scrape("modelport_model_ready", **HALF) for scrape in found} == {1}
        lived = time.time() - psutil.Process(server.process.pid).create_time()
        assert max(scrape("modelport_instance_seconds_total", **HALF) for scrape in found) <= lived, "not twice"

        worker = server.descendants("--worker-index")[0]
        worker.kill()
        server.eventually(lambda: len(server.descendants("--worker-index")) == 2)
        server.eventually(lambda: server.predict("half_plus_two", {"instances": [1.0]}).status_code == 200)
        assert Scrape(server)("modelport_requests_total", **PREDICT, code="2xx") == 21
        assert Scrape(server)("modelport_requests_in_flight", **HALF) == 0
