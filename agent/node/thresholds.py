# SPDX-License-Identifier: Apache-2.0
"""Eviction thresholds and reserved amounts: what may be said, and what it means for a capacity (pure)."""

from collections.abc import Mapping
from typing import Final

from agent.errors import AgentError
from agent.node.config import NodeSettings
from kube.errors import QuantityError
from kube.names import check_labels
from kube.quantity import Quantity, parse

# kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction: signals of Linux nodes.
SIGNALS: Final = (
    "memory.available",
    "nodefs.available",
    "nodefs.inodesFree",
    "imagefs.available",
    "imagefs.inodesFree",
    "pid.available",
)
RESERVABLE: Final = ("cpu", "memory", "ephemeral-storage", "pid")


def check_settings(settings: NodeSettings) -> NodeSettings:
    """The settings, if all amounts, thresholds and labels are such. Raises AgentError that names what is not."""
    for where, amounts in (
        ("kubeReserved", settings.kube_reserved),
        ("systemReserved", settings.system_reserved),
    ):
        for resource, text in amounts.items():
            _known(where, resource, RESERVABLE)
            _amount(f"{where}.{resource}", text)
    for signal, text in settings.eviction_hard.items():
        _known("evictionHard", signal, SIGNALS)
        threshold(f"evictionHard.{signal}", text, 1)
    for problem in check_labels(("node", "labels"), settings.labels):
        raise AgentError(str(problem))
    return settings


def threshold(name: str, text: str, capacity: int) -> int:
    """A threshold, "100Mi" or "10%" of the capacity, in whole units. Raises AgentError for anything else."""
    if not text.endswith("%"):
        return _amount(name, text).value()
    try:
        share = float(text[:-1])
    except ValueError:
        share = -1.0
    if not 0 <= share < 100:
        raise AgentError(f"node.{name}: Invalid value: {text}; accepted: a quantity, or 0% to 99%")
    return int(capacity * share / 100)


def reserved(settings: NodeSettings, resource: str) -> Quantity:
    """What of a resource is kept back for the node's own processes."""
    total = parse("0")
    for amounts in (settings.kube_reserved, settings.system_reserved):
        if text := amounts.get(resource):
            total += parse(text)
    return total


def _known(where: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise AgentError(f"node.{where}: Unsupported value: {name}; accepted: {', '.join(names)}")


def _amount(name: str, text: str) -> Quantity:
    try:
        return parse(text)
    except QuantityError as error:
        raise AgentError(f"node.{name}: {error}") from error


def hard_threshold(thresholds: Mapping[str, str], signal: str, capacity: int) -> int:
    """The signal's hard threshold in whole units; 0 when there is none."""
    text = thresholds.get(signal, "")
    return threshold(f"evictionHard.{signal}", text, capacity) if text else 0
