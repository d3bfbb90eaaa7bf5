# SPDX-License-Identifier: Apache-2.0
"""Pictures as arrays: reading and writing files, pixel formats, colours, resampling, and arrays that lie in files."""
