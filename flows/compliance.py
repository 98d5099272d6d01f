"""Flows of the compliance runbooks, under the runbooks' ids."""

from flows.factory import flows_of

globals().update(flows_of("compliance"))
