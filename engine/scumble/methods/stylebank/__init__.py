# SPDX-License-Identifier: Apache-2.0
"""Chen, Yuan, Liao, Yu and Hua 2017: StyleBank, one autoencoder and a filter bank a style (arXiv 1703.09210)."""
