"""The project file as it is written: one struct per mapping, one field per key.

These structs are the schema. A key without a field is unknown, and the field's type says what is allowed there. A key that
is absent or null has the default here. ``X | None`` is for what means something by its absence. ``str | X`` is for what has
a short form too. Steps, triggers, versioning, caches and services have the same form as in the definition, which only trims
them.
"""

from typing import TypeAlias

from msgspec import Struct, field

from cictl.base.job_parts import CacheSpec, ServiceSpec
from cictl.project_file.definition import Step, Triggers, Versioning

TextMap: TypeAlias = dict[str, str]


class Shape(Struct, frozen=True, kw_only=True):
    """A mapping of the project file."""


class ContainerShape(Shape, frozen=True, kw_only=True):
    tools: TextMap = {}


class RequiresShape(Shape, frozen=True, kw_only=True):
    tools: TextMap = {}
    container: ContainerShape = ContainerShape()


class GoCacheSpec(Shape, frozen=True, kw_only=True):
    enabled: bool = True


class MatrixShape(Shape, frozen=True, kw_only=True):
    axes: dict[str, list[str]] = {}
    exclude: list[TextMap] = []
    include: list[TextMap] = []
    fail_fast: bool = False
    max_parallel: int | None = None


class ArtifactShape(Shape, frozen=True, kw_only=True):
    paths: list[str] = []
    name: str = ""
    keep_days: int = 0
    when: str = ""
    required: bool = False


class NeedShape(Shape, frozen=True, kw_only=True):
    job: str = ""
    artifacts: bool | None = None


class ExitShape(Shape, frozen=True, kw_only=True):
    exit: int = 0


class RetryShape(Shape, frozen=True, kw_only=True):
    limit: int = 1
    on: list[str | ExitShape] = []


class ApprovalShape(Shape, frozen=True, kw_only=True):
    roles: list[str] = field(default_factory=lambda: ["operator"])
    timeout_seconds: int = 86_400


class JobShape(Shape, frozen=True, kw_only=True):
    id: str = ""
    needs: list[str | NeedShape] = []
    condition: str = field(default="", name="if")
    allow_failure: bool = False
    priority: int | None = None
    retry: RetryShape | None = None
    approval: ApprovalShape | None = None
    runs_on: TextMap = {}
    requires: RequiresShape = RequiresShape()
    timeout_seconds: int | None = None
    env: TextMap = {}
    shell: str = ""
    working_directory: str = ""
    services: list[ServiceSpec] = []
    artifacts: list[str | ArtifactShape] = []
    outputs: TextMap = {}
    caches: list[CacheSpec] = []
    go_cache: GoCacheSpec | None = None
    matrix: MatrixShape = MatrixShape()
    steps: list[Step] = []


class VcsSourceShape(Shape, frozen=True, kw_only=True):
    repo: str = ""
    ref: str = ""
    depth: int = 1
    tags: bool | None = None
    submodules: str = ""
    lfs: bool = False
    path: str = ""


class InputShape(Shape, frozen=True, kw_only=True):
    type: str = ""
    options: list[str] = []
    default: str | None = None
    required: bool = False
    description: str = ""


class PipelineShape(Shape, frozen=True, kw_only=True):
    id: str = ""
    trigger: str = ""
    depends_on: list[str] = []
    on: Triggers | None = None
    inputs: dict[str, InputShape] = {}
    priority: int = 0
    env: TextMap = {}
    vcs_source: VcsSourceShape | None = None
    versioning: Versioning | None = None
    jobs: list[JobShape] = []


class ChainShape(Shape, frozen=True, kw_only=True):
    id: str = ""
    pipelines: list[str] = []


class NamingShape(Shape, frozen=True, kw_only=True):
    name: str = ""


class DefaultsShape(Shape, frozen=True, kw_only=True):
    env: TextMap = {}
    timeout_seconds: int = 0
    shell: str = ""


class IncludeShape(Shape, frozen=True, kw_only=True):
    file: str = ""


class FileShape(Shape, frozen=True, kw_only=True):
    version: int = 0
    project: NamingShape = NamingShape()
    include: list[IncludeShape] = []
    defaults: DefaultsShape = DefaultsShape()
    pipelines: list[PipelineShape] = []
    pipeline_chains: list[ChainShape] = []
