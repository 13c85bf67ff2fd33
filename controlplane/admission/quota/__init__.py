# SPDX-License-Identifier: Apache-2.0
"""What counts against a ResourceQuota: names, amounts, scopes, charges and recounts. All of it is pure."""
