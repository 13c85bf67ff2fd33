# SPDX-License-Identifier: Apache-2.0
"""Kinds of autoscaling, v2 and v1."""
