# SPDX-License-Identifier: Apache-2.0
"""Kinds of discovery.k8s.io/v1."""
