"""The table and the plot: docs/compare.md between its marks, and docs/compare.svg."""


def write(calls, networks, docs):
    pass
