"""The judgement of an incident: who, since when, what is the attacker's, is it over."""
