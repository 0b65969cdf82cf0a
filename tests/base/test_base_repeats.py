"""What is asked again, how often, and after which pauses."""

from __future__ import annotations

import ssl

import pytest

from cictl.base.web.exchange import NotConnected, Reply
from cictl.base.web.repeats import ask_again, retry_after

OK = Reply(200, {}, b"")
AWAY = Reply(503, {}, b"")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr("cictl.base.web.repeats.time.sleep", made.append)
    return made


class Asked:
    """Answers in turn, and counts."""

    def __init__(self, *answers: Reply | OSError) -> None:
        self.count = 0
        self._answers = answers

    def __call__(self) -> Reply:
        self.count += 1
        answer = self._answers[self.count - 1]
        if isinstance(answer, OSError):
            raise answer
        return answer


def refused_certificate() -> NotConnected:
    error = NotConnected("CERTIFICATE_VERIFY_FAILED")
    error.__cause__ = ssl.SSLCertVerificationError("CERTIFICATE_VERIFY_FAILED")
    return error


def test_the_pauses_between_repeats_grow(pauses: list[float]) -> None:
    ask = Asked(ConnectionResetError(), AWAY, NotConnected("refused"), AWAY, OK)
    assert ask_again(ask, repeats=4) is OK
    assert pauses == [0.0, 0.2, 0.4, 0.8]


def test_the_last_answer_stands_whatever_it_is(pauses: list[float]) -> None:
    assert ask_again(Asked(AWAY, AWAY, AWAY), repeats=2) is AWAY
    assert len(pauses) == 2


def test_the_last_error_is_raised(pauses: list[float]) -> None:
    with pytest.raises(ConnectionResetError, match="second"):
        ask_again(Asked(ConnectionResetError("first"), ConnectionResetError("second")), repeats=1)
    assert len(pauses) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply(404, {}, b""), id="refused"),
        pytest.param(Reply(500, {}, b""), id="broken"),
        pytest.param(Reply(429, {}, b""), id="later but not when"),
    ],
)
def test_other_answers_are_not_asked_for_again(pauses: list[float], answer: Reply) -> None:
    assert ask_again(Asked(answer), repeats=3) is answer
    assert not pauses


@pytest.mark.parametrize("error", [TimeoutError("timed out"), refused_certificate()], ids=["time limit", "TLS"])
def test_what_is_hopeless_is_not_asked_again(pauses: list[float], error: OSError) -> None:
    with pytest.raises(type(error)):
        ask_again(Asked(error), repeats=3)
    assert not pauses


def test_an_answer_says_when_to_come_again(pauses: list[float]) -> None:
    later = Reply(429, {"retry-after": "3"}, b"")
    assert ask_again(Asked(later, OK), repeats=1) is OK
    assert pauses == [3.0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("86400", 10.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0), ("soon", 0.0), ("-1", 0.0), ("", 0.0)],
)
def test_no_server_lets_us_wait_for_long(text: str, seconds: float) -> None:
    assert retry_after(Reply(503, {"retry-after": text}, b"")) == seconds
