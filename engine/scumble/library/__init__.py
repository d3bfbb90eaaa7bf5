# SPDX-License-Identifier: Apache-2.0
"""Weights and styles on disk: those that ship, the user's own, and their refinements."""
