# SPDX-License-Identifier: Apache-2.0
"""Container logs on disk: where they lie, how they are read, and how they are kept from growing without end."""
