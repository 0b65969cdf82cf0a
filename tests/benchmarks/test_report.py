"""The page of figures says what was measured, and its drawings show it."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import report
from figures import Figure


def figure(name: str, ratio: float | None) -> Figure:
    return Figure(name=name, value=1234.5, unit="/s", ratio=ratio, base="null", target=">= 0.35")


def test_the_page_is_made_of_the_figures_that_were_measured_last() -> None:
    figures = report.read(report.MEASURED)
    text = report.PAGE.read_text()
    assert report.page(text, figures) == text
    for axis, named in report.curves(figures).items():
        assert (report.PAGE.parent / report.image(axis)).read_text() == report.drawing(axis, named)


def test_figures_that_differ_in_one_number_are_a_curve() -> None:
    jobs = [figure(f"jobs, agents: {number}", 1 / number) for number in (16, 1, 1_000)]
    others = [figure("jobs, finished: 5,000", 0.5), figure("heartbeat", 0.7), figure("memory, agents: 2", None)]
    found = report.curves([figure("jobs, agents: 2,000", 0.1), *jobs, *others])
    assert found == {"agents": {"jobs, of null": [(1, 1.0), (16, 0.0625), (1000, 0.001), (2000, 0.1)]}}


def test_a_drawing_has_a_point_for_each_figure_within_its_frame() -> None:
    drawing = ElementTree.fromstring(report.drawing("agents", {"jobs <of> null": [(1, 0.2), (16, 0.5), (2000, 0.1)]}))
    points = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in drawing.iter() if c.tag.endswith("circle")]
    assert len(points) == 3
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert all(60 <= x <= 700 and 20 <= y <= 300 for x, y in points)
    assert points[1][1] < points[0][1] < points[2][1]


def test_a_table_shows_ratios_before_values() -> None:
    row = report.table([figure("jobs", 0.41234)]).splitlines()[-1]
    assert row == "| jobs | 0.412 of null | ≥ 0.35 | 1,234 /s |"


@pytest.mark.parametrize(
    ("value", "text"), [(2.0, "≤ 2 | 2"), (2.0025, "[missed](#two-requests-and-one-more) | 2.0025")]
)
def test_a_target_missed_by_little_does_not_read_as_met(value: float, text: str) -> None:
    row = report.table([Figure(name="requests a trivial job", value=value, unit="", target="<= 2")])
    assert text in row


@pytest.mark.parametrize(
    ("target", "value", "ratio", "is_missed"),
    [
        pytest.param(">= 0.7", 100, 0.69, True, id="ratio-too-small"),
        pytest.param(">= 0.7", 100, 0.7, False, id="ratio-as-demanded"),
        pytest.param("<= 2 ms", 2.1, 0.1, True, id="value-too-large"),
        pytest.param("<= 4,096", 4_096, None, False, id="value-without-unit"),
        pytest.param("<= 10 ms more", 50, 1.2, False, id="a-little-more-than-its-base"),
        pytest.param("<= 10 ms more", 50, 1.5, True, id="much-more-than-its-base"),
        pytest.param("", 1, None, False, id="no-target"),
    ],
)
def test_a_target_is_judged_by_what_it_names(target: str, value: float, ratio: float | None, is_missed: bool) -> None:
    assert replace(figure("jobs", ratio), value=value, target=target).is_missed is is_missed


def test_a_target_that_nobody_can_judge_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be judged"):
        _ = replace(figure("jobs", 1), target="quick").is_missed


def test_a_row_that_misses_its_target_leads_to_the_cause() -> None:
    row = report.table([replace(figure("heartbeat", 0.2), target=">= 0.7")]).splitlines()[-1]
    assert row == "| heartbeat | 0.2 of null | ≥ 0.7, [missed](#one-processor) | 1,234 /s |"


def test_the_page_has_a_heading_for_what_limits_each_target() -> None:
    headings = set(re.findall(r"^### (.+)$", report.PAGE.read_text(), re.MULTILINE))
    assert set(report.CAUSES) <= headings
    for measured in report.read(report.MEASURED):
        if measured.target:
            assert report.cause(measured) in headings
