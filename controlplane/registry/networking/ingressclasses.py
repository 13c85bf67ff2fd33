# SPDX-License-Identifier: Apache-2.0
"""IngressClass."""

from collections.abc import Mapping
from typing import ClassVar, Final

from lightkube.resources import networking_v1

from controlplane.registry.columns import AGE, NAME, computed, text
from controlplane.registry.data import Defaults, Json, look, mapping
from controlplane.registry.derive import derive
from controlplane.registry.humanize import NONE
from controlplane.registry.meta_checks import check_choice
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import DNS_SUBDOMAIN
from kube.problem import forbidden, invalid, required, too_long

_MAX_CONTROLLER: Final = 250


class IngressClassStrategy(KindStrategy):
    """Which controller; it stays."""

    has_generation = True
    spec_defaults: ClassVar[Mapping[str, object] | None] = {}
    defaults: ClassVar[Defaults] = {("spec", "parameters"): {"scope": "Cluster"}}
    immutable = (("spec", "controller"),)

    def problems(self, obj: Json) -> Problems:
        """A controller that is a name below a domain, and parameters in a scope."""
        controller = look(obj, "spec", "controller", default="")
        if len(controller) > _MAX_CONTROLLER:
            path = ("spec", "controller")
            yield too_long(path, _MAX_CONTROLLER, "characters")
        if controller and not (
            DNS_SUBDOMAIN.fits(controller.partition("/")[0]) and controller.partition("/")[2]
        ):
            yield invalid(
                ("spec", "controller"), controller, "a domain and a path, such as example.com/ingress"
            )
        yield from check_choice(obj, ("spec", "parameters", "scope"), ("Cluster", "Namespace"))
        parameters = mapping(obj, "spec", "parameters")
        if parameters.get("scope") == "Namespace" and not parameters.get("namespace"):
            yield required(("spec", "parameters", "namespace"), "because scope is Namespace")
        if parameters.get("scope") == "Cluster" and parameters.get("namespace"):
            yield forbidden(("spec", "parameters", "namespace"), "may not be set when scope is 'Cluster'")


def _parameters(obj: Json) -> str:
    found = mapping(obj, "spec", "parameters")
    if not found:
        return NONE
    kind = f"{found.get('kind', '')}.{found['apiGroup']}" if found.get("apiGroup") else found.get("kind", "")
    return f"{kind}/{found.get('name', '')}"


RESOURCE = derive(
    networking_v1.IngressClass,
    columns=(
        NAME,
        text("Controller", "spec", "controller", empty=""),
        computed("Parameters", _parameters),
        AGE,
    ),
    strategy=IngressClassStrategy(),
)
