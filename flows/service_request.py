"""Flows of the service request runbooks, under the runbooks' ids."""

from flows.factory import flows_of

globals().update(flows_of("service_request"))
