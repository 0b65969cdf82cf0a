"""Outputs of a job: where its file says that they come from."""

FROM_FILE = "from-file:"
"""How the source of an output begins that a file holds. What a step writes to `$CICTL_OUTPUT` has no source."""


def file_of_output(source: str) -> str:
    """Return the path of the file in *source*, such as `from-file: out/version.txt`; empty if it names none."""
    return source.strip().removeprefix(FROM_FILE).strip() if source.strip().startswith(FROM_FILE) else ""
