from __future__ import annotations

import pytest

from modelport.gateway.errors import RateLimited
from modelport.gateway.ratelimit import Rate, RateLimiter


def admitted(limiter: RateLimiter, requests: int, *, model: str = "half", key: str = "k", now: float = 0.0) -> int:
    """How many of some requests at one moment come through."""
    count = 0
    for _ in range(requests):
        try:
            limiter.check(model, key, now)
        except RateLimited:
            continue
        count += 1
    return count


def wait(limiter: RateLimiter, *, now: float, model: str = "half", key: str = "k") -> int | None:
    with pytest.raises(RateLimited) as caught:
        limiter.check(model, key, now)
    return caught.value.retry_after


def test_a_model_without_a_rate_is_never_limited() -> None:
    limiter = RateLimiter({})
    assert admitted(limiter, 1000) == 1000
    assert len(limiter) == 0


@pytest.mark.parametrize(
    ("rate", "at_once"),
    [
        pytest.param(Rate(10, 25), 25, id="the burst comes at once"),
        pytest.param(Rate(10), 10, id="without a burst those of one second"),
        pytest.param(Rate(0.1), 1, id="but at least one"),
    ],
)
def test_a_full_bucket_lets_its_burst_through(rate: Rate, at_once: int) -> None:
    assert admitted(RateLimiter({"half": rate}), 100) == at_once


def test_requests_flow_in_at_the_rate() -> None:
    limiter = RateLimiter({"half": Rate(10, 1)})
    through = sum(admitted(limiter, 1, now=tick / 100) for tick in range(1000))
    assert through == pytest.approx(100, abs=1)


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        pytest.param(Rate(100, 1), 1, id="a short wait is rounded up to a second"),
        pytest.param(Rate(0.1, 1), 10, id="a long one is told in full"),
    ],
)
def test_who_comes_again_after_the_wait_is_let_in(rate: Rate, seconds: int) -> None:
    limiter = RateLimiter({"half": rate})
    limiter.check("half", "k", 0.0)
    assert wait(limiter, now=0.0) == seconds
    limiter.check("half", "k", float(seconds))


def test_a_refusal_names_the_whole_rate_and_never_the_key() -> None:
    limiter = RateLimiter({"half": Rate(100, 2)}, workers=2)
    limiter.check("half", "secretive", 0.0)
    with pytest.raises(RateLimited, match="100 requests per second") as caught:
        limiter.check("half", "secretive", 0.0)
    assert "secretive" not in str(caught.value)


def test_keys_and_models_have_buckets_of_their_own() -> None:
    limiter = RateLimiter({"half": Rate(1, 1), "other": Rate(1, 1)})
    limiter.check("half", "a", 0.0)
    limiter.check("half", "b", 0.0)
    limiter.check("other", "a", 0.0)
    assert wait(limiter, key="a", now=0.0) == 1


def test_anonymous_callers_share_one_bucket() -> None:
    assert admitted(RateLimiter({"half": Rate(1, 3)}), 10, key="") == 3


def test_workers_share_rate_and_burst() -> None:
    limiter = RateLimiter({"half": Rate(40, 20)}, workers=4)
    assert admitted(limiter, 100) == 5
    assert admitted(limiter, 100, now=0.2) == 2


def test_a_worker_lets_at_least_one_through() -> None:
    assert admitted(RateLimiter({"half": Rate(1, 1)}, workers=8), 10) == 1


@pytest.mark.parametrize(
    ("new", "left"),
    [
        pytest.param(Rate(1, 100), 6, id="a larger burst gives nothing away"),
        pytest.param(Rate(1, 4), 4, id="a smaller burst caps what was left"),
    ],
)
def test_a_new_rate_keeps_what_was_left(new: Rate, left: int) -> None:
    limiter = RateLimiter({"half": Rate(1, 10)})
    assert admitted(limiter, 4) == 4
    limiter.update({"half": new}, 0.0)
    assert admitted(limiter, 100) == left


def test_time_before_a_change_counts_at_the_old_rate() -> None:
    limiter = RateLimiter({"half": Rate(1, 10)})
    assert admitted(limiter, 10) == 10
    limiter.update({"half": Rate(100, 10)}, 3.0)
    assert admitted(limiter, 100, now=3.0) == 3


def test_a_model_that_loses_its_rate_loses_its_buckets() -> None:
    limiter = RateLimiter({"half": Rate(1, 1)})
    limiter.check("half", "k", 0.0)
    limiter.update({}, 0.0)
    assert len(limiter) == 0
    assert admitted(limiter, 50) == 50


def test_full_buckets_are_forgotten() -> None:
    limiter = RateLimiter({"half": Rate(1, 1)})
    for number in range(100):
        limiter.check("half", f"k{number}", number * 10.0)
    assert len(limiter) == 1


def test_buckets_are_bounded_in_number() -> None:
    limiter = RateLimiter({"half": Rate(0.001, 1)}, max_buckets=10)
    for number in range(100):
        limiter.check("half", f"k{number}", 0.0)
    assert len(limiter) == 10
    assert wait(limiter, key="k99", now=0.0) == 1000


def test_a_clock_that_stands_still_or_jumps_back_gives_nothing_away() -> None:
    limiter = RateLimiter({"half": Rate(1, 1)})
    limiter.check("half", "k", 100.0)
    assert wait(limiter, now=50.0) == 1
