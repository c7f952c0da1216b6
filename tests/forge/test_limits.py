"""A forge's limits, its troubles, and what it is told: the token and nothing more."""

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from parallelproject.forge.clients.rate_limit import Pace
from parallelproject.forge.publishing.result import PublishEnd
from parallelproject.git.plumbing.outcome import AuthOrProtectedError, DeliveryError, PolicyError, TransientError
from parallelproject.model.spec import MergeMode
from tests.forge.conftest import CANARY
from tests.forge.setup import BRANCH, NOW, Publisher, Time
from tests.forge.standin import Fault, StandIn
from tests.forge.world import World

SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
LIMITED: list[tuple[Fault, float]] = [
    ((429, {}, {"Retry-After": "17"}), 17),
    ((403, SECONDARY, {"Retry-After": "42"}), 42),
    ((403, SECONDARY, {}), 60),
    ((403, {"message": "x"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 90)}), 91),
    ((429, {}, {"RateLimit-Remaining": "0", "RateLimit-Reset": str(int(NOW) + 30)}), 31),
    ((429, {}, {"Retry-After": format_datetime(datetime.fromtimestamp(NOW + 25, UTC), usegmt=True)}), 25),
    ((503, {}, {"Retry-After": "8"}), 8),
]


@pytest.fixture(autouse=True)
def work(world: World) -> None:
    world.remote.commit(BRANCH, {"x": "1"}, "a", force_parent=world.tip("main"))
    world.ci = lambda sha: "passed"


@pytest.mark.parametrize(("fault", "wait"), LIMITED)
def test_every_request_may_be_asked_to_wait(
    publisher: Publisher, world: World, standin: StandIn, fault: Fault, wait: float
) -> None:
    """Each request, the creating and the merging too, is refused once, and made again when the forge allows it."""
    last = [""]

    def first_time(index: int, method: str, path: str) -> Fault | None:
        again = last[0] == f"{method} {path}"
        last[0] = "" if again else f"{method} {path}"
        # A moment is that of the first refusal; with a fixed clock only one can be tested.
        return None if again or (index > 1 and "eset" in str(fault)) or (index > 1 and "GMT" in str(fault)) else fault

    standin.fault = first_time
    assert publisher.shared(MergeMode.WHEN_CHECKS_PASS).end is PublishEnd.MERGED
    assert (len(world.pulls), len(world.merges)) == (1, 1)
    refused = 1 if wait in (91, 31, 25) else len(standin.requests) // 2
    assert publisher.time.passed == pytest.approx(refused * wait, abs=5 * refused)


def test_a_limit_that_lasts_too_long_is_told(publisher: Publisher, standin: StandIn) -> None:
    standin.fault = lambda index, method, path: (429, {}, {"Retry-After": "3600"})
    with pytest.raises(TransientError, match="asks to wait 3600 s") as error:
        publisher.shared()
    assert error.value.reason == "RateLimited"


def test_a_limit_without_a_time_is_waited_for_longer_each_time(publisher: Publisher, standin: StandIn) -> None:
    standin.fault = lambda index, method, path: (403, SECONDARY, {}) if index <= 3 else None
    publisher.shared()
    assert 60 + 120 + 240 <= publisher.time.passed < 430


def test_no_more_than_eighty_requests_that_create_are_made_in_a_minute() -> None:
    time, passed = Time(), []
    pace = Pace(time.clock, (80, 60.0), (500, 3600.0))

    async def many() -> None:
        for _ in range(700):
            await pace.turn()
            passed.append(time.passed)
            time.passed += 0.05

    asyncio.run(many())
    rounding = 1e-6
    for i in range(len(passed)):
        assert i < 80 or passed[i] - passed[i - 80] >= 60 - rounding
        assert i < 500 or passed[i] - passed[i - 500] >= 3600 - rounding
    assert passed[499] < 7 * 60


def test_a_forge_in_trouble_is_asked_again(publisher: Publisher, world: World, standin: StandIn) -> None:
    troubles: list[Fault] = ["drop", (502, {}, {}), (500, {}, {}), (504, {}, {}), "lose"]
    standin.fault = lambda index, method, path: troubles[index % 8] if index % 8 < 5 and method == "GET" else None
    assert publisher.shared(MergeMode.WHEN_CHECKS_PASS).end is PublishEnd.MERGED
    assert (len(world.pulls), len(world.merges)) == (1, 1)


def test_a_forge_out_of_reach_is_told(publisher: Publisher, standin: StandIn) -> None:
    standin.stop()
    standin.stop = lambda: None  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="no connection, 8 times"):
        publisher.shared()


def test_the_token_is_read_again_for_each_request(publisher: Publisher, world: World, standin: StandIn) -> None:
    def renew(index: int, method: str, path: str) -> None:
        standin.token = f"{CANARY}-{index}"
        publisher.settings.token.write_text(standin.token)

    standin.fault = renew
    assert publisher.shared(MergeMode.WHEN_CHECKS_PASS).end is PublishEnd.MERGED


@pytest.mark.parametrize("token", ["wrong-canary-token", "", "two words", "caf\u00e9-canary", "line\nbreak"])
def test_a_wrong_token_is_final_and_told_without_it(publisher: Publisher, standin: StandIn, token: str) -> None:
    publisher.settings.token.write_text(token)
    with pytest.raises(AuthOrProtectedError) as error:
        publisher.shared()
    assert "canary" not in str(error.value)
    assert "canary" not in repr(error.value.__cause__)
    assert len(standin.authorizations) == (token == "wrong-canary-token")


def test_a_missing_token_is_final(publisher: Publisher) -> None:
    publisher.settings.token.unlink()
    with pytest.raises(AuthOrProtectedError, match="FileNotFoundError"):
        publisher.shared()


def test_a_forge_that_repeats_the_token_does_not_get_it_into_a_message(publisher: Publisher, standin: StandIn) -> None:
    standin.fault = lambda index, method, path: (422, {"message": f"who is {CANARY}?"}, {})
    with pytest.raises(PolicyError, match=r"who is \*\*\*\?") as error:
        publisher.shared()
    assert CANARY not in repr(error.value.__cause__)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(publisher: Publisher, standin: StandIn, status: int) -> None:
    other = StandIn(standin.kind, standin.world, CANARY)
    try:
        standin.fault = lambda index, method, path: (status, {}, {"Location": f"{other.url}{path}"})
        with pytest.raises(AuthOrProtectedError, match=r"has moved to 127\.0\.0\.1") as error:
            publisher.shared()
        assert error.value.reason == "Redirected"
        assert other.authorizations == []
    finally:
        other.stop()


def test_a_redirect_on_the_same_host_is_followed(publisher: Publisher, world: World, standin: StandIn) -> None:
    seen = []

    def moved(index: int, method: str, path: str) -> Fault | None:
        if index % 2:
            seen.append(path)
            return (307, {}, {"Location": standin.location})
        return None

    standin.fault = moved
    assert publisher.shared().end is PublishEnd.OPEN
    assert seen
    assert len(world.pulls) == 1


def test_an_answer_that_is_no_json_is_trouble_and_no_crash(publisher: Publisher, standin: StandIn) -> None:
    """As of a proxy that shows a page of its own."""
    standin.fault = lambda index, method, path: "page"
    with pytest.raises(TransientError, match="HTTP 200, but no JSON"):
        publisher.shared()


def test_what_a_forge_will_not_take_is_told_in_its_words(publisher: Publisher, standin: StandIn) -> None:
    said = {"message": "Validation Failed", "errors": [{"message": "title is not to our taste"}]}
    standin.fault = lambda index, method, path: (422, said, {}) if method == "POST" else None
    with pytest.raises(DeliveryError, match="title is not to our taste"):
        publisher.shared()
