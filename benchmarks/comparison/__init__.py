# SPDX-License-Identifier: Apache-2.0
"""The page that compares the methods, docs/comparison.md, measured and written again by `make figures`.

`python -m benchmarks.comparison [METHOD...]` measures the methods named, or all of them. What was measured lies in
out/figures, so that a page written after one method has changed still holds the figures of the others. The tables of the
page stand between marks; what a person wrote around them stays.
"""
