# SPDX-License-Identifier: Apache-2.0
"""Which pod holds which address: durable, one readable file per address.

`read_allocations` is what other components may use; the rest belongs to the plugin.
"""

from netplugin.ipam.store import Holder, Store, read_allocations

__all__ = ["Holder", "Store", "read_allocations"]
