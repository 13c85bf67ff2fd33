# SPDX-License-Identifier: Apache-2.0
"""Kinds of authorization.k8s.io/v1."""
