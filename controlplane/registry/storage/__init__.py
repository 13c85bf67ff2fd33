# SPDX-License-Identifier: Apache-2.0
"""Kinds of storage.k8s.io/v1."""
