# SPDX-License-Identifier: Apache-2.0
"""Training of the shipped weights: one file a method, plus data, teachers and the shared loop."""
