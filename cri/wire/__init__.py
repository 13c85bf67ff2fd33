# SPDX-License-Identifier: Apache-2.0
"""Our values to and from protobuf messages, one file per noun.

Written out by hand: reflection costs ten times more.
"""
