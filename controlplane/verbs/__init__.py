# SPDX-License-Identifier: Apache-2.0
"""The verbs of the API, one file each, and what they share; nothing here knows HTTP."""
