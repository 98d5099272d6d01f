"""Flows of the disaster runbooks, under the runbooks' ids."""

from flows.factory import flows_of

globals().update(flows_of("disaster"))
