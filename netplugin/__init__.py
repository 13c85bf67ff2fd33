# SPDX-License-Identifier: Apache-2.0
"""The CNI plugin of the node: addresses, bridge, veth pairs and masquerade, by a daemon or in-process."""
