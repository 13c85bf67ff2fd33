# SPDX-License-Identifier: Apache-2.0
"""The containers of a pod with what each is in it: init, sidecar, app or ephemeral; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from lightkube.models import core_v1

from agent.pod import labels
from agent.pod.model import ObservedContainer
from agent.pod.role import AnyContainer, Role, is_sidecar


@dataclass(frozen=True, slots=True)
class Member:
    """One container; policy is the restartPolicy that holds for it, index its place among those of its list."""

    container: AnyContainer
    role: Role
    policy: str
    index: int

    @property
    def name(self) -> str:
        """Unique within the pod."""
        return self.container.name


def is_outdated(member: Member, made: ObservedContainer) -> bool:
    """Whether the container was made from another image than its pod asks for now; only an image may change."""
    image = made.status.annotations.get(labels.IMAGE)
    return image is not None and image != (member.container.image or "")


def members(spec: core_v1.PodSpec) -> tuple[Member, ...]:
    """All of them: init containers and sidecars in the order in which they start, then apps, then ephemeral ones."""
    return (
        *(_init(spec, container, index) for index, container in enumerate(spec.initContainers or ())),
        *(_app(spec, container, index) for index, container in enumerate(spec.containers)),
        *(
            Member(container, Role.EPHEMERAL, "Never", index)
            for index, container in enumerate(spec.ephemeralContainers or ())
        ),
    )


def of_roles(found: Iterable[Member], *roles: Role) -> tuple[Member, ...]:
    """Those of these roles, in the same order."""
    return tuple(member for member in found if member.role in roles)


def _init(spec: core_v1.PodSpec, container: core_v1.Container, index: int) -> Member:
    if is_sidecar(container):
        return Member(container, Role.SIDECAR, "Always", index)
    own = container.restartPolicy or spec.restartPolicy
    # An init container has to succeed once, whatever "Always" means for the others.
    return Member(container, Role.INIT, "Never" if own == "Never" else "OnFailure", index)


def _app(spec: core_v1.PodSpec, container: core_v1.Container, index: int) -> Member:
    return Member(container, Role.APP, container.restartPolicy or spec.restartPolicy or "Always", index)
