"""A project: what it is, what starts it, and starting it with a form."""

from __future__ import annotations

import pytest
from cictl_testing.face.browser import Looking
from cictl_testing.face.forms import get, send, words
from cictl_testing.server import RunningServer

from tests.face.conftest import Shown

INPUTS = """
  inputs:
    target: {type: choice, options: [staging, production], default: staging}
    count: {type: number, default: 3}
    loud: {type: boolean, default: true}
    note: {required: true, description: What for?}
"""
PROJECT = f"""
pipelines:
- id: build
{INPUTS}
  on: {{schedule: [{{cron: "0 3 * * *", inputs: {{note: nightly}}}}]}}
  jobs:
  - id: test
    matrix: {{include: [{{name: green}}, {{name: red}}]}}
    steps: [{{run: "true"}}]
- {{id: deploy, jobs: [{{id: ship, steps: [{{run: "true"}}]}}]}}
pipeline_chains: [{{id: release, pipelines: [build, deploy]}}]
"""


@pytest.fixture
def server(shown: Shown) -> RunningServer:
    return shown.server


@pytest.fixture
def ids(server: RunningServer) -> dict[str, int]:
    return server.define_project(PROJECT)


def test_the_page_tells_what_there_is(server: RunningServer, ids: dict[str, int]) -> None:
    page = words(server, "/projects/1")
    for text in (
        "https://git.example.test/shop.git",
        "target, count, loud, note",
        "release build, deploy",
        "0 3 * * *",
    ):
        assert text in page
    assert "/api/v1/hooks/1" in page


def test_a_project_with_an_icon_shows_it(server: RunningServer, ids: dict[str, int]) -> None:
    assert "<img src=" not in get(server, "/projects/1").text.replace('<img src="../badges', "")
    server.services.projects.projects.icons.put(1, b"\x89PNG\r\n\x1a\n" + bytes(300))
    assert '<img src="../api/v1/projects/1/icon" alt=""' in get(server, "/projects/1").text


def test_an_unknown_project_is_not_found(server: RunningServer) -> None:
    assert get(server, "/projects/7").status_code == 404


def test_the_form_has_a_field_for_each_input(server: RunningServer, ids: dict[str, int]) -> None:
    page = get(server, f"/pipelines/{ids['build']}/run").text
    assert "<option selected>staging</option><option>production</option>" in page
    assert 'name="input.count" value="3" autocomplete="off" type="number"' in page
    assert 'type="checkbox" name="input.loud" value="true" checked' in page
    assert 'name="input.note" value="" autocomplete="off" required' in page


def test_a_run_gets_what_the_form_says(server: RunningServer, ids: dict[str, int]) -> None:
    fields = {"input.target": "production", "input.count": "7", "input.loud": "false", "input.note": "x"}
    answer = send(server, f"/pipelines/{ids['build']}/run", **fields, priority="4")
    assert (answer.status_code, answer.headers["Location"]) == (303, "../../runs/1")
    jobs = server.get("/api/v1/jobs").json["job_executions"]
    assert jobs[0]["inputs"] == {"target": "production", "count": "7", "loud": "false", "note": "x"}
    assert jobs[0]["priority"] == 4


def test_a_form_that_can_not_be_run_comes_back_as_it_was_filled(server: RunningServer, ids: dict[str, int]) -> None:
    answer = send(server, f"/pipelines/{ids['build']}/run", **{"input.count": "many", "input.note": "kept"})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert 'value="kept"' in answer.text


def test_one_row_of_a_job_is_run_alone(server: RunningServer, ids: dict[str, int]) -> None:
    send(server, f"/pipelines/{ids['build']}/run", **{"input.note": "x"}, job="test#1")
    [job] = server.get("/api/v1/jobs").json["job_executions"]
    assert job["metadata"]["matrix_name"] == "red"


def test_a_preview_starts_nothing(server: RunningServer, ids: dict[str, int]) -> None:
    server.heartbeat("fits", capabilities={"executor": "script", "shells": "posix"})
    answer = send(server, f"/pipelines/{ids['build']}/preview", **{"input.note": "x"})
    assert answer.status_code == 200
    assert "Nothing was started." in answer.text
    assert "test/green" in answer.text
    assert '<input type="hidden" name="input.note" value="x">' in answer.text, "to run the same"
    assert server.get("/api/v1/jobs").json["job_executions"] == []


def test_a_chain_takes_the_inputs_of_its_pipelines(server: RunningServer, ids: dict[str, int]) -> None:
    assert 'name="input.note"' in get(server, f"/chains/{ids['release']}/run").text
    assert send(server, f"/chains/{ids['release']}/preview", **{"input.note": "x"}).status_code == 200
    answer = send(server, f"/chains/{ids['release']}/run", **{"input.note": "x"})
    assert answer.headers["Location"] == "../../runs/1"


def test_the_definition_is_shown_as_it_was_loaded(server: RunningServer, ids: dict[str, int]) -> None:
    assert "What for?" in words(server, f"/pipelines/{ids['build']}/definition")
    page = words(server, f"/pipelines/{ids['deploy']}/definition?view=secret_mappings")
    assert "no secret mappings found" in page


def test_a_schedule_is_paused_and_resumed(server: RunningServer, ids: dict[str, int]) -> None:
    place = f"/pipelines/{ids['build']}/schedules/1"
    assert "Pause shop/build#1?" in words(server, f"{place}/pause")
    assert send(server, f"{place}/pause", reason="holidays").headers["Location"].endswith("projects/1")
    assert "paused holidays" in words(server, "/projects/1")
    send(server, f"{place}/resume")
    assert "holidays" not in words(server, "/projects/1")


def test_settings_are_those_of_the_form(server: RunningServer, ids: dict[str, int]) -> None:
    assert send(server, "/projects/1/settings", public_badges="on", poll_seconds="0").status_code == 303
    project = server.services.projects.projects.get_project(1)
    assert (project.public_badges, project.poll_seconds, project.job_tokens) == (True, 0, "none")


def test_the_secret_of_the_webhook_is_shown_once(server: RunningServer, ids: dict[str, int]) -> None:
    assert "It is shown this once." in words(server, "/projects/1/hook")
    answer = send(server, "/projects/1/hook")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "Location" not in answer.headers
    assert "The one before counts no more at once." in words(server, "/projects/1/hook")


def test_deleting_says_what_goes_and_what_stays(server: RunningServer, ids: dict[str, int]) -> None:
    assert "2 pipelines and 1 chain" in words(server, "/projects/1/delete")
    assert send(server, "/projects/1/delete").status_code == 303
    assert get(server, "/projects/1").status_code == 404


def test_an_import_that_fails_comes_back_with_why(server: RunningServer) -> None:
    assert "Repository, as the server reaches it" in words(server, "/projects/import")
    answer = send(server, "/projects/import", repo_url="/nothing/here", repo_ref="x")
    assert answer.status_code == 400
    assert 'value="/nothing/here"' in answer.text


def test_a_run_begins_with_a_form(shown: Shown, look: Looking) -> None:
    shown.server.define_project(PROJECT)
    page = look("/projects/1")
    page.get_by_role("link", name="Run build").click()
    page.get_by_label("target").select_option("production")
    page.get_by_label("loud").uncheck()
    page.get_by_label("note").fill("from a browser")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/runs/1")
    [job, *_] = shown.server.get("/api/v1/jobs").json["job_executions"]
    assert (job["inputs"]["note"], job["inputs"]["loud"]) == ("from a browser", "false")
