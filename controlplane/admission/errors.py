# SPDX-License-Identifier: Apache-2.0
"""Refusals in the form that Kubernetes gives them: `pods "web" is forbidden: <why>`."""

from collections.abc import Iterable

from controlplane import errors
from controlplane.errors import ApiError
from controlplane.registry.data import look
from controlplane.request import Admission


def forbidden(admission: Admission, why: str) -> ApiError:
    """403 about the object of this request; one without a name goes by its generateName, as users search for it."""
    asked = admission.attributes
    name = asked.name or _name_in(admission) or "Unknown"
    return errors.forbidden(asked.group, asked.resource, name, why)


def joined(problems: Iterable[str]) -> str:
    """Several problems as Go's error aggregates print them: the first of equal ones, in brackets if more than one."""
    different = list(dict.fromkeys(problems))
    return different[0] if len(different) == 1 else f"[{', '.join(different)}]"


def _name_in(admission: Admission) -> str:
    metadata = look(admission.object or admission.old, "metadata", default={})
    name: str = look(metadata, "name") or look(metadata, "generateName", default="")
    return name
