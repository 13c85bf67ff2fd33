# SPDX-License-Identifier: Apache-2.0
"""What an ADD would do, printed: for `orlop plan` and `--dry-run`. Looks at nothing and changes nothing."""

from netplugin.config import Settings, network_of
from netplugin.ipam.search import next_free
from netplugin.model import AddressRange, Allocation, Attachment, Pod
from netplugin.plan import NOTHING_YET, Observed, Wish, plan_add

EXAMPLE = Pod("default", "example")


def plan_lines(
    settings: Settings,
    pod: Pod = EXAMPLE,
    netns: str = "/run/netns/example",
    observed: Observed = NOTHING_YET,
) -> tuple[str, ...]:
    """The shell commands that equal an ADD of the pod on such a node, each range giving its first address."""
    config = network_of(settings)
    attachment = Attachment(config.name, str(pod).replace("/", "-"), "eth0")
    pairs = tuple((pool, _first(pool, attachment)) for pool in config.ranges)
    wish = Wish(config, attachment, pod, netns, pairs)
    return tuple(str(operation) for operation in plan_add(wish, observed))


def _first(pool: AddressRange, attachment: Attachment) -> Allocation:
    address = next_free(pool, frozenset(), None) or pool.first
    return Allocation(attachment.network, address, attachment.container_id, attachment.ifname)
