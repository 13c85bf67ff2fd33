# SPDX-License-Identifier: Apache-2.0
"""Copies of a whole control plane, and a control plane made of a copy."""
