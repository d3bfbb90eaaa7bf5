# SPDX-License-Identifier: Apache-2.0
"""The style transfer methods: one paper, one file; base.py is the contract they all keep."""
