# SPDX-License-Identifier: Apache-2.0
"""The `orlop` command: one file for each subcommand, and the only place that composes the components."""
