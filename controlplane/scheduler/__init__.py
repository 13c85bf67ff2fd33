# SPDX-License-Identifier: Apache-2.0
"""Chooses a node for every pod that has none."""
