# SPDX-License-Identifier: Apache-2.0
"""Where objects live: one interface, three drivers (memory, SQLite, etcd), one contract."""
