# SPDX-License-Identifier: Apache-2.0
"""Service addresses and node ports that no two Services get, durable in the store."""
