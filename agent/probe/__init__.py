# SPDX-License-Identifier: Apache-2.0
"""Probes: asking containers whether they have started, are alive and are ready."""
