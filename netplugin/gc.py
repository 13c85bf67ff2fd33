# SPDX-License-Identifier: Apache-2.0
"""GC: what belongs to no living attachment goes, and interfaces that nobody wrote down."""

from netplugin import names
from netplugin.attach import Surroundings, delete_labelled
from netplugin.config import read_valid_attachments
from netplugin.errors import NetpluginError
from netplugin.hostports import publisher
from netplugin.ipam import Store
from netplugin.lock import attachment_lock
from netplugin.model import Allocation, Attachment, NetworkConfig
from netplugin.netlink import Netlink, node_netlink
from netplugin.request import Request


def collect(request: Request, config: NetworkConfig, around: Surroundings) -> None:
    """Remove every attachment of this network that is not in cni.dev/valid-attachments.

    One younger than gcMinAge stays: the runtime may be between the ADD and writing it down. All that can be
    removed is; the errors of the rest are raised together.
    """
    valid = read_valid_attachments(request.config)
    node = node_netlink()
    # Links before allocations: an ADD writes its allocation first, so that a link seen here without one has
    # none.
    keys = {names.key_of_alias(link.alias, config.name): link.name for link in node.links()}
    store = Store(config.state_dir, config.name)
    held = store.read()
    limit = around.now() - config.gc_min_age
    stale = {one.attachment for one in held if _is_stale(one, valid, limit)}
    problems = [_try_remove(node, store, config, one, limit, around) for one in sorted(stale, key=_key)]
    store.release_unknown(older_than=limit)
    around.step("unknown released")
    living = {one.attachment.key for one in held if one.known}
    living |= {Attachment(config.name, *pair).key for pair in valid}
    for key, name in keys.items():
        if key and key not in living:
            node.delete_link(name)
            around.step("orphan deleted")
    if any(problems):
        raise NetpluginError("cannot remove everything: " + "; ".join(filter(None, problems)))


def _is_stale(one: Allocation, valid: frozenset[tuple[str, str]], limit: float) -> bool:
    return one.known and (one.container_id, one.ifname) not in valid and one.created <= limit


def _key(attachment: Attachment) -> str:
    return attachment.key


def _try_remove(
    node: Netlink,
    store: Store,
    config: NetworkConfig,
    attachment: Attachment,
    limit: float,
    around: Surroundings,
) -> str:
    """What went wrong, or ""; an attachment that was added anew meanwhile is left alone."""
    try:
        with attachment_lock(config.state_dir, attachment):
            held = store.held_by(attachment)
            if all(one.created <= limit for one in held):
                _remove(node, store, attachment, held, around)
    except NetpluginError as error:
        return str(error)
    return ""


def _remove(
    node: Netlink,
    store: Store,
    attachment: Attachment,
    held: tuple[Allocation, ...],
    around: Surroundings,
) -> None:
    found = [node.delete_link(one.host_veth) for one in held if one.host_veth]
    if True not in found:
        delete_labelled(node, attachment)
    around.step("stale link deleted")
    store.release(attachment, publisher(store.network))
    around.step("stale address released")
