# SPDX-License-Identifier: Apache-2.0
"""PodTemplate."""

from dataclasses import replace

from lightkube.resources import core_v1

from controlplane.registry.columns import NAME, computed, template_columns
from controlplane.registry.data import Json, mapping
from controlplane.registry.derive import derive
from controlplane.registry.humanize import labels
from controlplane.registry.strategy import KindStrategy, Problems
from controlplane.registry.templates import RESTART_POLICIES, check_template, set_template_defaults


class PodTemplateStrategy(KindStrategy):
    """A template alone; it has no status, and its generation counts changes of the template."""

    def set_defaults(self, obj: Json) -> None:
        """Those of a pod's spec."""
        set_template_defaults(obj, "template")

    def prepare_create(self, obj: Json) -> None:
        """The first generation."""
        obj["metadata"]["generation"] = 1

    def prepare_update(self, obj: Json, old: Json) -> None:
        """The next one when the template is another."""
        generation = old["metadata"].get("generation", 1)
        obj["metadata"]["generation"] = generation + (obj.get("template") != old.get("template"))

    def problems(self, obj: Json) -> Problems:
        """Those of the template."""
        return check_template(obj, "template", restart_policies=RESTART_POLICIES)


RESOURCE = derive(
    core_v1.PodTemplate,
    columns=(
        NAME,
        *(replace(column, priority=0) for column in template_columns("template")),
        computed("Pod Labels", lambda obj: labels(mapping(obj, "template", "metadata", "labels"))),
    ),
    strategy=PodTemplateStrategy(),
)
