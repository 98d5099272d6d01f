"""What `tenantry bench` runs: figures of the product, each beside a baseline measured in the same run.

:mod:`registry` has the names, :mod:`child` runs one of them in a process of its own, :mod:`stage` is what they stand on.
"""
