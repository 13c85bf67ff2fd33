# SPDX-License-Identifier: Apache-2.0
"""Keeping chains of ours in nftables as they should be, however often somebody flushes them."""

import threading
from typing import Protocol

from netplugin.masquerade import TABLE


class Rules(Protocol):
    """Chains that are recognised by one of them, and written whole in one transaction."""

    @property
    def chain(self) -> str:
        """The chain to look at; no two rules have the same."""

    def commands(self) -> str:
        """The transaction."""

    def are_in(self, listing: str) -> bool:
        """Whether `nft list chain` of that chain shows them."""


class RuleKeeper(Protocol):
    """Who sees to it that rules are in place."""

    def ensure(self, rules: Rules) -> None:
        """Have the rules in place when this returns; raises KernelError."""


class Checker:
    """Looks at the kernel at every call: for a process that lives for one ADD."""

    def ensure(self, rules: Rules) -> None:
        """Write the rules unless they are there."""
        from netplugin import nft

        listing = nft.run(f"list chain inet {TABLE} {rules.chain}", missing_ok=True)
        if not rules.are_in(listing):
            nft.run(rules.commands())


class Keeper:
    """Looks at the kernel once per chain and then at each refresh(): for the daemon."""

    def __init__(self) -> None:
        self._kept: dict[str, Rules] = {}
        self._lock = threading.Lock()

    def ensure(self, rules: Rules) -> None:
        """Nothing, when the rules are kept already."""
        if self._kept.get(rules.chain) == rules:
            return
        with self._lock:
            Checker().ensure(rules)
            self._kept[rules.chain] = rules

    def refresh(self) -> None:
        """Put back what is not in place any more."""
        with self._lock:
            for rules in tuple(self._kept.values()):
                Checker().ensure(rules)
