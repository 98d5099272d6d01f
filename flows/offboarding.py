"""Flows of the offboarding runbooks, under the runbooks' ids."""

from flows.factory import flows_of

globals().update(flows_of("offboarding"))
