# SPDX-License-Identifier: Apache-2.0
"""The roles and bindings that every cluster begins with, and how they are kept without undoing users' changes."""
