"""Caches that lie in the checkout, through a real agent: what is restored, by which key, and when it is saved."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.agents.thread import AgentThread
from cictl_testing.files import make_repository
from cictl_testing.servers.scripted_server import ServedJob

from cictl.base.job_parts import CacheSpec
from cictl.wire.jobs import JobStatus, Source
from cictl_agent.job.caches import directories

Use = Callable[..., ServedJob]
SHOW = "cat .cache/pip/mark 2> /dev/null || echo nothing"


@pytest.fixture
def use(run: Callable[..., ServedJob]) -> Use:
    """Return a verb: a job shows what is in its cache, and leaves *mark* there."""

    def use_cache(
        mark: str = "",
        *,
        then: str = "",
        ref: str = "main",
        tracked: str = "main",
        project: str = "tea",
        **spec: object,
    ) -> ServedJob:
        leave = f"mkdir -p .cache/pip; echo {mark} > .cache/pip/mark; " if mark else ""
        fields: dict[str, Any] = {"id": "pip", "path": ".cache/pip", **spec}
        metadata = {"project": project, "pipeline_source_ref_raw": ref, "tracked_ref": tracked}
        return run(f"{SHOW}; {leave}{then}", caches=[CacheSpec(**fields)], metadata=metadata)

    return use_cache


def found(job: ServedJob) -> str:
    """Return what the job found in its cache."""
    return next(line for line in job.text.splitlines() if not line.startswith("["))


def source(job: ServedJob) -> str:
    [stat] = job.last.cache_stats
    return stat.source


def test_a_job_finds_what_one_before_it_has_left(use: Use) -> None:
    first, second = use("one", key="k"), use(key="k")
    assert (found(first), source(first), found(second), source(second)) == ("nothing", "miss", "one", "hit")
    assert "[cache] pip: miss .cache/pip (key k)\n" in first.text
    assert "[cache] pip: saved .cache/pip (key k)\n" in first.text
    assert "[cache] pip: hit .cache/pip (key k)\n" in second.text
    assert (second.last.cache_stats[0].path, second.last.cache_stats[0].files) == (".cache/pip", 1)


def test_one_that_the_job_removes_is_counted_as_nothing(use: Use) -> None:
    use("one", key="k")
    [stat] = use(key="k", then="rm -r .cache").last.cache_stats
    assert (stat.source, stat.files, stat.error) == ("hit", 0, "")


def test_counting_ends_when_the_time_for_all_caches_is_over(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "_COUNTING_SECONDS", -1.0)
    [stat] = use("one", key="k").last.cache_stats
    assert (stat.incomplete, stat.files) == (True, 0)


def test_a_job_that_failed_saves_nothing(use: Use) -> None:
    use("bad", key="k", then="false")
    assert found(use(key="k")) == "nothing"


def test_the_content_of_a_hash_is_saved_once_and_that_of_another_key_each_time(
    run: Callable[..., ServedJob], tmp_path: Path
) -> None:
    source = with_repository(tmp_path, {"a.lock": "1"})
    for key, last in (("{{hash_files('*.lock')}}", "one"), ("k", "two")):
        caches = [CacheSpec(id="pip", path="c", key=key)]
        for mark in ("one", "two"):
            run(f"mkdir -p c; echo {mark} > c/mark", source=source, caches=caches)
        assert found(run("cat c/mark", source=source, caches=caches)) == last


def test_the_newest_content_of_a_fallback_key_is_partial_and_the_job_saves_its_own(use: Use) -> None:
    for mark, key in (("one", "lock-1"), ("two", "lock-2"), ("three", "other")):
        use(mark, key=key)
    job = use("mixed", key="lock-3", fallback_keys=["none", "lock-", "other"])
    assert (found(job), source(job)) == ("two", "partial")
    assert found(use(key="lock-3")) == "mixed"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"ref": "main"}, "one", id="same-branch"),
        pytest.param({"ref": "refs/heads/main"}, "one", id="same-branch-by-its-full-name"),
        pytest.param({"ref": "feature"}, "one", id="branch-that-takes-from-the-tracked-one"),
        pytest.param({"ref": "feature", "tracked": "dev"}, "nothing", id="another-tracked-branch"),
        pytest.param({"ref": "main", "project": "coffee"}, "nothing", id="another-project"),
        pytest.param({"id": "npm"}, "nothing", id="another-cache"),
    ],
)
def test_a_content_belongs_to_project_branch_and_cache(use: Use, fields: dict[str, str], expected: str) -> None:
    use("one", key="k")
    assert found(use(key="k", **fields)) == expected


def test_a_branch_leaves_the_tracked_one_alone(use: Use) -> None:
    use("one", key="k")
    changed = use("two", key="k", ref="feature")
    assert "saved" in changed.text
    assert (found(use(key="k")), found(use(key="k", ref="feature"))) == ("one", "two")


def test_a_job_that_fails_changes_a_copy(use: Use) -> None:
    use("one", key="k")
    use("broken", key="k", then="false")
    assert found(use(key="k")) == "one"


def test_only_the_newest_contents_of_a_branch_stay(use: Use) -> None:
    for number in range(4):
        use(f"m{number}", key=f"k{number}")
    assert [found(use(key=f"k{number}")) for number in range(4)] == ["nothing", "m1", "m2", "m3"]


def test_contents_that_no_job_asks_for_go_after_a_month(use: Use, agent: AgentThread) -> None:
    use("old", key="k", ref="gone")
    use("young", key="k", ref="here")
    [used] = [file for file in agent.config.cache_dir.rglob("used") if "gone" in file.parent.parent.name]
    month = time.time() - 31 * 86400
    os.utime(used, (month, month))
    use("new", key="k")
    assert (found(use(key="k", ref="gone", tracked="")), found(use(key="k", ref="here"))) == ("nothing", "young")


def test_links_modes_and_folders_are_kept_and_pipes_left_out(use: Use) -> None:
    use("one", key="k", then="cd .cache/pip; mkdir -m 555 sub; ln -s /gone link; echo x > run; chmod 750 run; mkfifo p")
    job = use(key="k", then="cd .cache/pip; stat -c '%n %F %a' *; readlink link")
    said = [line for line in job.text.splitlines() if not line.startswith("[")]
    assert said[-5:] == [
        "link symbolic link 777",
        "mark regular file 644",
        "run regular file 750",
        "sub directory 555",
        "/gone",
    ]


# Keys


def with_repository(tmp_path: Path, files: dict[str, str]) -> Source:
    make_repository(tmp_path / "repository", files)
    return Source(repo=str(tmp_path / "repository"))


@pytest.mark.parametrize(
    "call", ["{{hash_files('*.lock', \"sub/*.txt\")}}", "{{ hash_files( '**/*.lock','sub/a.txt' ) }}"]
)
def test_a_key_changes_with_the_files_that_it_names(run: Callable[..., ServedJob], tmp_path: Path, call: str) -> None:
    def key(number: int, **files: str) -> str:
        source = with_repository(tmp_path / str(number), {"a.lock": "1", "sub/a.txt": "2", "other": "3", **files})
        job = run("true", source=source, caches=[CacheSpec(id="pip", path="c", key=f"pip-{call}")])
        return job.text.partition("(key ")[2].partition(")")[0]

    keys = [
        key(0),
        key(1, other="x"),
        key(2, **{"a.lock": "x"}),
        key(3, **{"sub/a.txt": "x"}),
        key(4, **{"b.lock": ""}),
    ]
    assert keys[0].startswith("pip-")
    assert len(keys[0]) == 20
    assert [keys.index(one) for one in keys] == [0, 0, 2, 3, 4]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        pytest.param("{{hash_files('*.none')}}", "hash_files('*.none') matches no file", id="no-file"),
        pytest.param(
            "{{hash_files(a)}}", "hash_files takes patterns in quotes, separated by commas, not (a)", id="bare"
        ),
        pytest.param("{{hash_files('[')}}", "hash_files('['): ", id="malformed-pattern"),
    ],
)
def test_a_key_that_can_not_be_made_costs_the_cache_alone(use: Use, key: str, problem: str) -> None:
    job = use("one", key=key)
    assert job.status is JobStatus.SUCCEEDED
    [warning] = job.last.warnings
    assert warning.startswith(f"pip is not restored: {problem}")


# Places


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        pytest.param("../x", "../x is no place below the checkout", id="above"),
        pytest.param("/tmp/x", "/tmp/x is no place below the checkout", id="absolute"),
        pytest.param(".", ". is no place below the checkout", id="checkout"),
        pytest.param(".git/x", ".git/x is git's own", id="git"),
        pytest.param("have", "have is in the checkout already", id="taken"),
    ],
)
def test_a_cache_is_restored_to_a_free_place_of_the_checkout_alone(
    run: Callable[..., ServedJob], tmp_path: Path, path: str, problem: str
) -> None:
    source = with_repository(tmp_path, {"have/file": ""})
    job = run("true", source=source, caches=[CacheSpec(id="pip", path=path, key="k")])
    assert (job.status, job.last.warnings) == (JobStatus.SUCCEEDED, [f"pip is not restored: {problem}"])


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        pytest.param("true", "the job has left no directory c/d", id="nothing"),
        pytest.param("mkdir c; touch c/d", "the job has left no directory c/d", id="file"),
        pytest.param("mkdir c; ln -s /etc c/d", "the job has left no directory c/d", id="link"),
        pytest.param("ln -s / c", "c/d is no place below the checkout", id="link-above"),
    ],
)
def test_only_a_directory_of_the_checkout_is_saved(run: Callable[..., ServedJob], script: str, problem: str) -> None:
    job = run(script, caches=[CacheSpec(id="pip", path="c/d", key="k")])
    assert (job.status, job.last.warnings) == (JobStatus.SUCCEEDED, [f"pip is not saved: {problem}"])
