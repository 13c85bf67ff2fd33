# SPDX-License-Identifier: Apache-2.0
"""Kinds of apiextensions.k8s.io/v1."""
