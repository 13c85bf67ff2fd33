# SPDX-License-Identifier: Apache-2.0
"""Which fields of a Pod this node honours: one table, in a file for each part of a Pod.

A field is supported (perhaps with some values only), refused, or ignored for a reason. A test walks the models and
fails when a field is in no row, so that the table always says everything.
"""

from typing import Final

from agent.sources.fields.container import CONTAINER
from agent.sources.fields.environment import ENVIRONMENT
from agent.sources.fields.placement import PLACEMENT
from agent.sources.fields.pod import POD
from agent.sources.fields.probes import PROBES
from agent.sources.fields.rules import Fields
from agent.sources.fields.security import SECURITY
from agent.sources.fields.volumes import VOLUMES

FIELDS: Final[Fields] = {
    **POD,
    **PLACEMENT,
    **CONTAINER,
    **ENVIRONMENT,
    **PROBES,
    **SECURITY,
    **VOLUMES,
}
