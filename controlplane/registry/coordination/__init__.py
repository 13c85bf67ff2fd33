# SPDX-License-Identifier: Apache-2.0
"""Kinds of coordination.k8s.io/v1."""
