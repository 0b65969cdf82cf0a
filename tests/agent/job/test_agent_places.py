"""Configuration, environment, workspaces, caches, capabilities: the small parts."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cictl_testing.agents.ending import EndLate
from cictl_testing.agents.thread import gone

from cictl.base.job_parts import CacheSpec
from cictl.wire.jobs import JobExecution, JobStatus
from cictl.wire.metadata import JobMetadata
from cictl_agent.capabilities import base_capabilities
from cictl_agent.config import AgentConfig, ConfigError, load_config
from cictl_agent.job.caches.directories import (
    Cache,
    cache_environment,
    cache_name,
    close_caches,
    measure,
    open_caches,
    project_folder,
    wipe_caches,
)
from cictl_agent.job.environment import job_environment
from cictl_agent.job.requirements import unmet_tools
from cictl_agent.job.variables import variables_of
from cictl_agent.job.workspace import prepare_workspace, workspace_name
from cictl_agent.log.file_listing import Level, Listing
from cictl_agent.system.platforms import this_platform
from cictl_agent.system.platforms.posix import Linux
from cictl_agent.system.trees import files_below, remove_tree
from cictl_agent.tools import Prober


def job(metadata: dict[str, str] | None = None, required: dict[str, str] | None = None, **env: str) -> JobExecution:
    return JobExecution(
        id="job-7",
        script="",
        required_capabilities=required,
        timeout_seconds=0,
        status=JobStatus.LEASED,
        created_utc=datetime(2026, 1, 1, tzinfo=UTC),
        metadata=metadata or {},
        env=env,
    )


def digest(text: str) -> str:
    return "env-" + hashlib.sha1(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("metadata", "required", "expected"),
    [
        pytest.param({}, None, "project-unknown_project-unknown_job-7_env-default", id="nothing-known"),
        pytest.param(
            {"project_id": "3", "project": "my shop!", "pipeline_job_id": "build"},
            {},
            "3_my_shop_build_env-default",
            id="known",
        ),
        pytest.param(
            {"project_id": "3", "project": "../..", "pipeline_job_id": "b", "matrix_index": "0"},
            {"os": "linux", "zone": "x"},
            "3_x_b_idx-0_" + digest("os=linux"),
            id="matrix-index",
        ),
        pytest.param(
            {"project_id": "3", "project": "s", "pipeline_job_id": "b", "matrix_index": "0", "matrix_name": "arm"},
            {"zone": "x", "gpu": "1"},
            "3_s_b_arm_" + digest("gpu=1|zone=x"),
            id="other-requirements",
        ),
        pytest.param(
            {"project_id": "3", "project": "p" * 200, "pipeline_job_id": "b"},
            {"shell": "posix", "arch": "arm64"},
            ("3_" + "p" * 200)[:120] + "_" + digest("arch=arm64|shell=posix"),
            id="long",
        ),
    ],
)
def test_workspace_names(metadata: dict[str, str], required: dict[str, str] | None, expected: str) -> None:
    assert workspace_name(job(metadata, required)) == expected


def test_workspace_is_emptied_without_following_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    workspace = tmp_path / "w"
    (workspace / "d").mkdir(parents=True)
    (workspace / "link").symlink_to(outside)
    prepare_workspace(workspace)
    assert list(workspace.iterdir()) == []
    assert (outside / "kept").exists()


def test_linked_workspace_is_unlinked_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "kept").touch()
    (tmp_path / "w").symlink_to(tmp_path / "real")
    remove_tree(tmp_path / "w")
    assert (tmp_path / "real" / "kept").exists()


def test_removing_what_is_not_there_is_fine(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nowhere")


def nested(root: Path, depth: int) -> None:
    """Make *depth* directories in each other below *root*, with a file in the last; no path needs to reach that."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("a-directory-in-a-directory", dir_fd=here)
        below = os.open("a-directory-in-a-directory", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT, dir_fd=here))
    os.close(here)


@pytest.mark.parametrize("depth", [1, 31, 32, 33, 100, 1500])
def test_a_tree_of_any_depth_is_removed(tmp_path: Path, depth: int) -> None:
    (tmp_path / "w").mkdir()
    nested(tmp_path / "w", depth)
    remove_tree(tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_tree_that_is_too_deep_are_found_as_far_as_they_have_names(tmp_path: Path) -> None:
    (tmp_path / "near").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").touch()
    nested(tmp_path, 1500)
    assert list(files_below(tmp_path, leaving_out=frozenset({".git"}))) == ["near"]
    remove_tree(tmp_path / "a-directory-in-a-directory")


def test_a_link_that_takes_a_directorys_place_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    (tmp_path / "w" / "d").mkdir(parents=True)
    list_directory = os.scandir

    def swap_after_a_look(path: int | str) -> Any:
        with list_directory(path) as listing:
            entries = list(listing)
        if (tmp_path / "w" / "d").is_dir() and not (tmp_path / "w" / "d").is_symlink():
            (tmp_path / "w" / "d").rmdir()
            (tmp_path / "w" / "d").symlink_to(tmp_path / "outside")
        return nullcontext(entries)

    monkeypatch.setattr(os, "scandir", swap_after_a_look)
    with pytest.raises(OSError, match="d"):
        remove_tree(tmp_path / "w")
    assert (tmp_path / "outside" / "kept").exists()


def test_a_read_only_file_with_another_name_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "f").touch(mode=0o400)
    (tmp_path / "other").hardlink_to(tmp_path / "w" / "f")
    remove_tree(tmp_path / "w")
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o400


def test_read_only_directories_are_removed_at_any_depth(tmp_path: Path) -> None:
    deep = tmp_path.joinpath("w", *["d"] * 40)
    deep.mkdir(parents=True)
    (deep / "file").touch()
    for folder in (deep, *deep.parents[:40]):
        folder.chmod(0o500)
    remove_tree(tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("cache_id", "name"),
    [("Go Mod", "go-mod"), ("../../etc", "etc"), ("..", "cache"), ("a/b", "a-b"), ("", "cache"), ("v1.2_x", "v1.2_x")],
)
def test_cache_names_stay_in_their_directory(cache_id: str, name: str) -> None:
    assert cache_name(cache_id) == name


def test_cache_that_cannot_be_made_falls_back_into_the_execution_directory(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    [cache] = open_caches(
        [CacheSpec(id="c", env="C")], cache_dir=blocked, project="p", execution_dir=tmp_path / "x", platform=Linux()
    )
    assert (cache.source, cache.path) == ("fallback", tmp_path / "x" / ".ciwi-cache" / "c")
    assert measure(cache).error


@pytest.mark.parametrize("kind", ["pipe", "link", "directory"])
def test_a_cache_whose_marker_became_something_else_opens(tmp_path: Path, kind: str) -> None:
    marker = tmp_path / "cache" / ".projects" / "p" / "c" / ".ciwi-cache-touch"
    marker.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(marker)
    elif kind == "link":
        marker.symlink_to(tmp_path / "elsewhere")
    else:
        marker.mkdir()
    [cache] = open_caches(
        [CacheSpec(id="c", env="C")],
        cache_dir=tmp_path / "cache",
        project="p",
        execution_dir=tmp_path / "job",
        platform=Linux(),
    )
    assert (cache.error, cache.path) == ("", marker.parent)
    assert marker.is_file()
    assert not marker.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_caches_without_a_variable_are_left_out(tmp_path: Path) -> None:
    assert (
        open_caches([CacheSpec(id="c")], cache_dir=tmp_path, project="p", execution_dir=tmp_path, platform=Linux())
        == []
    )


def test_caches_are_counted_by_kind(tmp_path: Path) -> None:
    specs = [
        CacheSpec(id="x", env="FETCHCONTENT_BASE_DIR"),
        CacheSpec(id="ccache", env="D"),
        CacheSpec(id="y", env="Y"),
    ]
    opened = open_caches(specs, cache_dir=tmp_path, project="p", execution_dir=tmp_path, platform=Linux())
    (opened[2].path / "sub").mkdir()
    (opened[2].path / "sub" / "f").write_bytes(b"12345")
    assert [measure(cache).type for cache in opened] == ["fetchcontent", "ccache", "generic"]
    stat = measure(opened[2])
    assert (stat.files, stat.directories, stat.size_bytes) == (2, 1, 5)
    assert cache_environment(opened)["Y"] == str(tmp_path / ".projects" / "p" / "y")


def test_jobs_at_once_never_share_a_cache_that_its_tool_does_not_lock(tmp_path: Path) -> None:
    def opened() -> Cache:
        specs = [CacheSpec(id="deps", env="DEPS_DIR")]
        [cache] = open_caches(specs, cache_dir=tmp_path, project="p", execution_dir=tmp_path, platform=Linux())
        return cache

    first, second = opened(), opened()
    assert [(c.path.name, c.source) for c in (first, second)] == [("deps", "miss"), ("deps~2", "miss")]
    close_caches([first])
    third = opened()
    assert (third.path.name, third.source) == ("deps", "hit")
    close_caches([second, third])
    again = opened(), opened()
    assert [(c.path.name, c.source) for c in again] == [("deps", "hit"), ("deps~2", "hit")]
    close_caches(again)


@pytest.mark.parametrize("variable", ["GOMODCACHE", "npm_config_cache"])
def test_jobs_at_once_share_a_cache_that_its_tool_locks(tmp_path: Path, variable: str) -> None:
    specs = [CacheSpec(id="go-mod", env=variable)]
    for _ in range(2):
        [cache] = open_caches(specs, cache_dir=tmp_path, project="p", execution_dir=tmp_path, platform=Linux())
        assert (cache.path.name, cache.lock) == ("go-mod", None)


def test_projects_have_caches_of_their_own_unless_both_share(tmp_path: Path) -> None:
    def opened(project: JobMetadata, *, shared: bool) -> Cache:
        spec = CacheSpec(id="deps", env="GOMODCACHE", shared=shared)
        [cache] = open_caches(
            [spec], cache_dir=tmp_path, project=project_folder(project), execution_dir=tmp_path / "x", platform=Linux()
        )
        return cache

    shop, other = (JobMetadata({"project_id": str(n), "project": "../shop"}) for n in (1, 2))
    (opened(shop, shared=False).path / "tool").write_text("evil")
    (opened(shop, shared=True).path / "tool").write_text("vetted")
    assert opened(shop, shared=False).source == "hit"
    assert opened(other, shared=False).source == "miss"
    assert not (opened(other, shared=False).path / "tool").exists()
    assert (opened(other, shared=True).path / "tool").read_text() == "vetted"
    paths = {opened(project, shared=shared).path for project in (shop, other) for shared in (True, False)}
    assert len(paths) == 3
    assert all(path.resolve().is_relative_to(tmp_path) for path in paths)


def test_caches_of_all_projects_from_before_are_nobodys_and_can_be_wiped(tmp_path: Path) -> None:
    (tmp_path / "deps").mkdir()
    (tmp_path / "deps" / "old").touch()
    [cache] = open_caches(
        [CacheSpec(id="deps", env="D")], cache_dir=tmp_path, project="p", execution_dir=tmp_path, platform=Linux()
    )
    assert cache.source == "miss"
    close_caches([cache])
    wipe_caches(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_counting_a_cache_ends_when_its_time_is_over(tmp_path: Path) -> None:
    [cache] = open_caches(
        [CacheSpec(id="big", env="GOCACHE")], cache_dir=tmp_path, project="p", execution_dir=tmp_path, platform=Linux()
    )
    for number in range(20):
        (cache.path / f"f{number}").write_bytes(b"12345")
    looks = iter([False] * 10)
    stat = measure(cache, is_late=lambda: next(looks, True))
    assert (stat.incomplete, stat.files) == (True, 10)
    assert not measure(cache).incomplete


@pytest.mark.weakness("A12.1")
def test_settings_fall_back_from_flag_to_ours_to_the_references_to_default(tmp_path: Path) -> None:
    env = {"CICTL_AGENT_ID": "ours", "CIWI_AGENT_ID": "theirs", "CIWI_SERVER_URL": "http://h:1/", "CICTL_TOKEN": "t"}
    config = load_config(env, work_dir=tmp_path)
    assert (config.agent_id, config.server_url, config.token) == ("ours", "http://h:1", "t")
    assert load_config(env, agent_id="flag").agent_id == "flag"
    assert load_config({}).agent_id.startswith("agent-")
    assert load_config({}).work_dir == Path.cwd() / ".cictl-agent" / "work"


@pytest.mark.parametrize(
    ("env", "listing"),
    [
        ({}, Listing(level=Level.SUMMARY, most_lines=25)),
        (
            {"CIWI_ARTIFACT_LOG_LEVEL": "Verbose", "CICTL_ARTIFACT_LOG_MAX_INCLUDE_LINES": "3"},
            Listing(level=Level.VERBOSE, most_lines=3),
        ),
        ({"CICTL_ARTIFACT_LOG_LEVEL": "none", "CIWI_ARTIFACT_LOG_LEVEL": "verbose"}, Listing(level=Level.NONE)),
        ({"CIWI_ARTIFACT_LOG_LEVEL": "much", "CIWI_ARTIFACT_LOG_MAX_INCLUDE_LINES": "-1"}, Listing()),
    ],
)
def test_how_much_is_told_of_artifacts(env: dict[str, str], listing: Listing) -> None:
    assert load_config(env).artifact_listing == listing
    twins = {key.replace("_ARTIFACT_", "_DEP_ARTIFACT_").replace("INCLUDE", "RESTORED"): env[key] for key in env}
    assert load_config(twins).dependency_listing == listing
    assert load_config(twins).artifact_listing == Listing()


@pytest.mark.parametrize(
    ("word", "expected"), [("0", False), ("Off", False), ("yes", True), ("maybe", False), ("", False)]
)
def test_truth_values(word: str, expected: bool) -> None:
    assert load_config({"CIWI_AGENT_TRACE_SHELL": word}).trace_shell is expected


def test_token_file_wins_and_never_shows(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("s3cret\n")
    config = load_config({"CICTL_TOKEN": "other"}, token_file=tmp_path / "t")
    assert config.token == "s3cret"
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize("url", ["ftp://h", "h:8112", "http://"])
def test_unusable_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not an http or https URL"):
        load_config({}, server=url)


def test_missing_token_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the token file"):
        load_config({"CICTL_TOKEN_FILE": str(tmp_path / "none")})


@pytest.mark.weakness("A12.5b")
def test_job_environment_hides_credentials_and_adds_twins(tmp_path: Path) -> None:
    own = {
        "PATH": "/bin",
        "CICTL_TOKEN_FILE": "f",
        "CICTL_GITHUB_TOKEN": "t",
        "CIWI_SERVER_URL": "http://u:p@h:1/x",
        "GOFLAGS": "-mod=mod",
        "CIWI_PIPELINE_TAG": "of the job that started this agent",
        "CICTL_BRANCH": "of the job that started this agent",
        "CICTL_SERVER_URL": "http://u:p@h:1/x",
        "CICTL_JOB_TOKEN": "of the job that started this agent",
    }
    config = AgentConfig(agent_id="a", work_dir=tmp_path, server_url="http://u:p@h:2/x")
    this = job(CIWI_DRY_RUN="1", CIWI_X="1", CICTL_X="2")
    env = job_environment(own, this, config, {"C": "/c"}, Linux(), job_token="j")
    assert env == {
        **variables_of(this),
        "CICTL_SERVER_URL": "http://h:2/x",
        "CICTL_JOB_TOKEN": "j",
        "PATH": "/bin",
        "CIWI_SERVER_URL": "http://h:1/x",
        "GOFLAGS": "-mod=mod",
        "CIWI_DRY_RUN": "1",
        "CICTL_DRY_RUN": "1",
        "CIWI_X": "1",
        "CICTL_X": "2",
        "C": "/c",
    }


def test_scan_finds_tools_with_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, script in {"go": "echo go version go1.22.1 linux/amd64", "ninja": "exit 0", "zip": "exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/nowhere")
    assert Prober(Linux(), os.environ).scan() == {"go": "1.22.1", "zip": "1"}


def test_tool_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end_late: EndLate) -> None:
    end_late(tmp_path / "pid")
    (tmp_path / "go").write_text(f"#!/bin/sh\nsleep 1000 & echo $! > {tmp_path}/pid\nwait\n")
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert Prober(Linux(), os.environ, limit_seconds=0.5).version("go") == ""
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize(
    ("required", "versions", "text"),
    [
        ({"requires.tool.a": ">=1"}, {"a": "2"}, ""),
        ({"requires.tool.a": ""}, {}, "a missing on agent runtime"),
        (
            {"requires.tool.a": ">=1", "requires.tool.b": ">=2", "os": "x"},
            {"b": "1"},
            "a missing on agent runtime (required >=1); b=1 does not satisfy >=2",
        ),
        ({"requires.container.tool.a": "*"}, {}, ""),
    ],
)
def test_unmet_tools(required: dict[str, str], versions: dict[str, str], text: str) -> None:
    assert unmet_tools(required, versions) == text


def test_machine_is_named_in_gos_words() -> None:
    capabilities = base_capabilities(this_platform())
    assert capabilities["os"] in ("linux", "darwin")
    assert capabilities["arch"] in ("amd64", "arm64", "386", "arm")
