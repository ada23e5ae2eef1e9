"""Timings for those who change the package: every stage beside a plain formulation of it and beside its floor.

They need the checkout (configs, tools, tests/reference) and are run from its root, `python -m benchmarks.stages`; the
package knows nothing of them and does not ship them.
"""
