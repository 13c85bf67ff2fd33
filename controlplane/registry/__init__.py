# SPDX-License-Identifier: Apache-2.0
"""The kinds that this server knows, one small file each."""
