"""Variables that GitLab sets, in scripts and elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping

from cictl.cli.convert.output import Block
from cictl.cli.convert.tally import Tally

VARIABLES: AnyMapping[str, str] = {
    "CI_COMMIT_SHA": "CICTL_COMMIT",
    "CI_COMMIT_REF_NAME": "CICTL_REF_NAME",
    "CI_COMMIT_BRANCH": "CICTL_BRANCH",
    "CI_COMMIT_TAG": "CICTL_TAG",
    "CI_PIPELINE_ID": "CICTL_RUN_ID",
    "CI_PIPELINE_IID": "CICTL_RUN_ID",
    "CI_JOB_NAME": "CICTL_JOB",
    "CI_JOB_ID": "CICTL_JOB_EXECUTION_ID",
    "CI_PROJECT_NAME": "CICTL_PROJECT",
    "CI_PROJECT_DIR": "PWD",
    "CI_JOB_TOKEN": "",
    "CI_COMMIT_SHORT_SHA": "",
    "CI_COMMIT_REF_SLUG": "",
    "CI_REGISTRY": "",
    "CI_REGISTRY_IMAGE": "",
    "CI_REGISTRY_USER": "",
    "CI_REGISTRY_PASSWORD": "",
    "CI_DEFAULT_BRANCH": "",
    "CI_MERGE_REQUEST_IID": "",
    "CI_PIPELINE_SOURCE": "",
}

_TEMPLATED = re.compile(r"\$(?:\{(CI_[A-Z_]+)\}|(CI_[A-Z_]+))")
_IN_TEXTS = {
    "CI_COMMIT_SHA": "{{sha}}",
    "CI_COMMIT_BRANCH": "{{branch}}",
    "CI_COMMIT_REF_NAME": "{{branch}}",
    "CI_COMMIT_REF_SLUG": "{{branch}}",
    "CI_COMMIT_TAG": "{{tag}}",
    "CI_PIPELINE_ID": "{{run}}",
}


def in_text(tally: Tally, block: Block, text: str, line: int) -> str:
    text = text.replace("${CI_PROJECT_DIR}/", "").replace("$CI_PROJECT_DIR/", "")  # where steps run anyway

    def other(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name in _IN_TEXTS:
            return _IN_TEXTS[name]
        block.note(tally.leave(line, f"${name}", "nothing is set in its place"))
        return match[0]

    return _TEMPLATED.sub(other, text)
