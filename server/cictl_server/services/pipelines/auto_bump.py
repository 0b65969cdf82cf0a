"""`auto_bump`: the last step of a run's only execution raises the version file on its branch."""

from __future__ import annotations

from msgspec.structs import replace

from cictl.base.names.git_names import branch_of
from cictl.project_file import Pipeline, Versioning
from cictl.wire.jobs import JobSpec, Step
from cictl.wire.metadata import JobMetadata
from cictl_server.errors import InvalidRequest
from cictl_server.services.pipelines.planning import SourceContext
from cictl_server.services.secrets.tokens import BUMP_STEP, BUMP_TOKEN

# The explicit refspec of the fetch creates origin/<branch> even after a shallow clone of another branch. The token is never
# written into the repository's configuration, and git leaves it out of the URLs that it prints.
_SCRIPT = """\
set -eu
fail() {
    echo "auto bump: $1" >&2
    exit 1
}
file=$CIWI_PIPELINE_VERSION_FILE
if [ "${CIWI_DRY_RUN:-}" = 1 ]; then
    echo "[dry-run] skipping automatic version bump"
    exit 0
fi
ref=${CIWI_PIPELINE_SOURCE_REF_RAW:-}
case $ref in
    refs/heads/*) branch=${ref#refs/heads/} ;;
    refs/*) fail "$ref is not a branch" ;;
    "") branch=$(git symbolic-ref --quiet --short HEAD || true) ;;
    *)
        if expr "X$ref" : 'X[0-9a-fA-F]\\{7,40\\}$' > /dev/null; then
            fail "$ref looks like a commit, not a branch"
        fi
        branch=$ref ;;
esac
if [ -z "$branch" ]; then
    branch=$(git ls-remote --symref origin HEAD | sed -n 's#^ref: refs/heads/\\(.*\\)[[:space:]]HEAD$#\\1#p')
fi
[ -n "$branch" ] || fail "no branch to push to"
git fetch -q --depth 1 origin "+refs/heads/$branch:refs/remotes/origin/$branch" || fail "fetch of $branch failed"
git checkout -q -B ciwi-auto-bump "refs/remotes/origin/$branch" || fail "checkout of $branch failed"
found=$(tr -d '[:space:]' < "$file") || fail "$branch has no $file"
if [ "$found" != "$CIWI_PIPELINE_VERSION_RAW" ]; then
    fail "$branch moved: $file says $found, not $CIWI_PIPELINE_VERSION_RAW"
fi
echo "@NEXT@" > "$file"
git add -- "$file"
set --
git config user.email > /dev/null || set -- -c user.name=cictl -c user.email=cictl@localhost
git "$@" commit -q -m "chore: bump $file to @NEXT@ [skip ci]" || fail "commit failed"
set +x
token=${GITHUB_TOKEN:-${GH_TOKEN:-}}
url=origin
case $(git remote get-url origin) in
    https://github.com/*)
        if [ -n "$token" ]; then
            url=$(git remote get-url origin)
            url="https://x-access-token:$token@github.com/${url#https://github.com/}"
        fi ;;
esac
git push -q "$url" "HEAD:refs/heads/$branch" || fail "push to $branch failed"
echo "auto bump: $branch is at @NEXT@"
"""


def next_version(raw: str, kind: str) -> str:
    """Return the version after *raw* (x.y.z), by kind patch, minor or major."""
    major, minor, patch = (int(part) for part in raw.split("."))
    match kind:
        case "major":
            return f"{major + 1}.0.0"
        case "minor":
            return f"{major}.{minor + 1}.0"
        case _:
            return f"{major}.{minor}.{patch + 1}"


def check_auto_bump(pipeline: Pipeline, planned: list[JobSpec]) -> None:
    """Check that a pipeline with `auto_bump` has at most one execution in a wet run.

    Raises:
        InvalidRequest: It has more.
    """
    count = sum(not job.skipped for job in planned)
    if pipeline.versioning is not None and pipeline.versioning.auto_bump and count > 1:
        raise InvalidRequest("versioning.auto_bump requires exactly one job execution in the pipeline run")


def with_auto_bump(pipeline: Pipeline, planned: list[JobSpec], source: SourceContext) -> list[JobSpec]:
    """Append the bump to the only execution of a wet run, if the pipeline asks for it.

    Raises:
        InvalidRequest: There is more than one execution, or no version to raise.
    """
    check_auto_bump(pipeline, planned)
    versioning = pipeline.versioning
    bumping = next((job for job in planned if not job.skipped), None)
    if versioning is None or not versioning.auto_bump or bumping is None:
        return planned
    if not source.version_raw:
        raise InvalidRequest(f'versioning.auto_bump needs a version in "{versioning.file}"')
    following = next_version(source.version_raw, versioning.auto_bump)
    script = _SCRIPT.replace("@NEXT@", following)
    total = len(bumping.step_plan) + 1
    steps = [replace(step, total=total) for step in bumping.step_plan]
    steps.append(_step(versioning, script, index=total, directory="." if bumping.working_directory else ""))
    branch = branch_of(source.ref_raw)
    entries = JobMetadata.entries(JobMetadata.next_version(following), JobMetadata.auto_bump_branch(branch))
    metadata = bumping.metadata | entries
    bumped = replace(bumping, script=f"{bumping.script}\n{script}", step_plan=steps, metadata=metadata)
    return [bumped if job is bumping else job for job in planned]


def _step(versioning: Versioning, script: str, *, index: int, directory: str) -> Step:
    vault = versioning.auto_bump_vault
    return Step(
        index=index,
        total=index,
        name=BUMP_STEP,
        script=script,
        working_directory=directory,
        env={BUMP_TOKEN: versioning.auto_bump_vcs_token.strip()},
        vault_connection=vault.connection if vault else "",
        vault_secrets=vault.secrets if vault else [],
    )
