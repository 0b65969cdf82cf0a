"""The rules of the containers that run beside a job."""

import re

from cictl.base.job_parts import ServiceSpec
from cictl.project_file.findings import quote
from cictl.project_file.rules.collector import Collector, is_blank
from cictl.project_file.rules.surroundings import check_environment, check_placeholders, refuse_secrets

# RFC 1123, 2.1: a label of a host name.
_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def check_services(services: list[ServiceSpec], path: str, collector: Collector) -> None:
    """Check the services at *path*."""
    seen: set[str] = set()
    for index, service in enumerate(services):
        where, name = f"{path}[{index}]", service.name.strip()
        if is_blank(service.image):
            collector.add(f"{where}.image", "is required")
        if not _HOST_NAME.fullmatch(name):
            wanted = "must be a host name: lower-case letters, digits and -, up to 63"
            collector.add(f"{where}.name", wanted if name else "is required")
        elif name in seen:
            collector.add(f"{where}.name", f"duplicate {quote(name)}")
        seen.add(name)
        check_environment(service.env, f"{where}.env", collector)
        check_placeholders(service.env, f"{where}.env", collector)
        refuse_secrets(service.ready, f"{where}.ready", collector)
