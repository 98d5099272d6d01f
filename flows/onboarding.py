"""Flows of the onboarding runbooks, under the runbooks' ids."""

from flows.factory import flows_of

globals().update(flows_of("onboarding"))
