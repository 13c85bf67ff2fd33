# SPDX-License-Identifier: Apache-2.0
"""STATUS: whether an ADD would succeed now, and why not."""

import os
from pathlib import Path

from netplugin import nft
from netplugin.config import read_config
from netplugin.errors import NetpluginError, NotReadyError
from netplugin.ipam import Store
from netplugin.masquerade import TABLE, rules_of
from netplugin.model import NetworkConfig
from netplugin.request import Request


def check(request: Request) -> None:
    """Raise NotReadyError with the first thing that is in the way; changes nothing."""
    try:
        config = read_config(request.config)
        _check_state_dir(config.state_dir)
        _check_pools(config)
        if config.ip_masq:
            nft.run(f"list chain inet {TABLE} {rules_of(config).chain}", missing_ok=True)
    except NetpluginError as error:
        raise NotReadyError(f"network {request.attachment.network} is not ready: {error}") from error


def _check_state_dir(state_dir: Path) -> None:
    existing = next(folder for folder in (state_dir, *state_dir.parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise NotReadyError(f"stateDir {state_dir} cannot be written: look at {existing}")


def _check_pools(config: NetworkConfig) -> None:
    held = [one.address for one in Store(config.state_dir, config.name).read()]
    for pool in config.ranges:
        inside = sum(1 for address in held if address in pool and address != pool.gateway)
        if inside >= pool.size:
            raise NotReadyError(f"address pool {pool.subnet} is full ({inside} of {pool.size} in use)")
