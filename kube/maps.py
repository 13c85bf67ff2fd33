# SPDX-License-Identifier: Apache-2.0
"""What lightkube's models leave out: of which type the values of a `dict` field are.

The OpenAPI document of Kubernetes says it (additionalProperties); the models keep only `dict`. A field's name
has one sense nearly everywhere, so the name decides, and the few that differ by type are listed with the
type. A field that is in no table takes any value; a test fails when lightkube brings such a field.
"""

from typing import Final

STRINGS: Final = "strings"
QUANTITIES: Final = "quantities"
STRING_LISTS: Final = "lists of strings"
TIMES: Final = "times"
ANYTHING: Final = "anything"

_BY_FIELD: Final = {
    **dict.fromkeys(
        (
            "allocatable", "allocatedResources", "capacity", "consumedCapacity", "default", "defaultRequest",
            "hard", "limits", "max", "maxLimitRequestRatio", "min", "overhead", "podFixed", "requests",
            "used",
        ),
        QUANTITIES,
    ),
    **dict.fromkeys(
        (
            "allocatedResourceStatuses", "annotations", "attachmentMetadata", "binaryData", "data",
            "deprecatedTopology", "labels", "matchLabels", "nodeSelector", "options", "parameters",
            "selector", "stringData", "unverifiedUserAnnotations", "userAnnotations", "volumeAttributes",
        ),
        STRINGS,
    ),
    "attestations": STRING_LISTS,
    "extra": STRING_LISTS,
    "disruptedPods": TIMES,
    "dependencies": ANYTHING,
    "nodeAllocatableResources": ANYTHING,
}  # fmt: skip

# Maps of objects: the name of the values' type, in the module of the type that has the field. And RawExtensions
# under names that elsewhere are maps of strings.
_BY_TYPE_AND_FIELD: Final = {
    ("AllocatedDeviceStatus", "data"): ANYTHING,
    ("BasicDevice", "attributes"): "DeviceAttribute",
    ("BasicDevice", "capacity"): "DeviceCapacity",
    ("ControllerRevision", "data"): ANYTHING,
    ("CounterSet", "counters"): "Counter",
    ("Device", "attributes"): "DeviceAttribute",
    ("Device", "capacity"): "DeviceCapacity",
    ("DeviceCounterConsumption", "counters"): "Counter",
    ("JSONSchemaProps", "definitions"): "JSONSchemaProps",
    ("JSONSchemaProps", "patternProperties"): "JSONSchemaProps",
    ("JSONSchemaProps", "properties"): "JSONSchemaProps",
    ("OpaqueDeviceConfiguration", "parameters"): ANYTHING,
}


def value_type(type_name: str, field: str) -> str | None:
    """One of the words above, the name of a type of the same module, or None when no table has the field."""
    return _BY_TYPE_AND_FIELD.get((type_name, field)) or _BY_FIELD.get(field)
