# SPDX-License-Identifier: Apache-2.0
"""What every plugin is made of: doing nothing by default, and knowing what a request is about."""

from controlplane.request import Admission, Operation


class AdmissionPlugin:
    """A plugin that changes and refuses nothing; a real one overrides one of the two, or both."""

    name = ""

    async def mutate(self, admission: Admission) -> None:
        """Leave everything as it is."""

    async def validate(self, admission: Admission) -> None:
        """Refuse nothing."""


def is_about(
    admission: Admission,
    group: str,
    plural: str,
    *operations: Operation,
    subresources: tuple[str, ...] = ("",),
) -> bool:
    """Whether this is one of these operations on this resource, by default on the resource itself.

    Most plugins leave subresources alone (pods/binding, pods/status): these carry another kind of object, or cannot
    change what the plugin looks at.
    """
    asked = admission.attributes
    return (
        (asked.group, asked.resource) == (group, plural)
        and admission.operation in operations
        and asked.subresource in subresources
    )
