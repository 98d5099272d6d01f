"""What a change of a policy means: whether a rule of Conditional Access asks less, a place is trusted, a name imitates another.

Policies stand in audit events as JSON in the changed properties, old and new:
https://learn.microsoft.com/en-us/graph/api/resources/conditionalaccesspolicy.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from tenantry.sweep.logs.values import as_list, inner, parsed, strings

__all__ = ["BUILDERS", "lookalike", "policy_meaning"]

BUILDERS: Final = (
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "vstoken.dev.azure.com",
    "app.terraform.io",
    "oidc.eks.",
    "login.microsoftonline.com",
)
_PUBLISHERS: Final = (
    "microsoft",
    "office",
    "outlook",
    "sharepoint",
    "onedrive",
    "teams",
    "azure",
    "adobe",
    "docusign",
    "dropbox",
    "google",
    "zoom",
    "salesforce",
    "paypal",
    "okta",
    "duo",
)
_LIKE: Final = str.maketrans("аеіорсухјѕԁɡһӏοαεικνρτυ01$@", "aeiopcyxjsdghloaeiknptuolsa")
"""Cyrillic, Greek, digits and signs that look like Latin letters."""


def policy_meaning(name: str, view: Mapping[str, Any]) -> dict[str, Any]:
    """What is worked out for a change of a policy, location, unit or application."""
    modified, old = view.get("modified") or {}, view.get("modified_old") or {}
    found: dict[str, Any] = {}
    for key, value in modified.items():
        new, before = _whole(value), _whole(old.get(key))
        if (
            (key == "ConditionalAccessPolicy" or "conditional access" in name)
            and isinstance(new, Mapping)
            and isinstance(before, Mapping)
        ):
            weaker = _weaker(new, before)
            if weaker:
                found["policy_weaker"] = weaker
        if "location" in name and isinstance(new, Mapping) and _true(new.get("isTrusted")):
            wider = set(strings(new.get("ipRanges"))) - set(strings(inner(before, "ipRanges")))
            if wider or not _true(inner(before, "isTrusted")):
                found["location_trusted"] = True
        if key.lower() == "isenabled" and "false" in "".join(strings(new)).lower() and _defaults(name, view):
            found["security_defaults_off"] = True
        if "administrative unit" in name and any("hiddenmembership" in one.lower() for one in strings(new)):
            found["hidden_membership"] = True
        if key == "FederatedIdentityCredentials":
            issuers = [one for one in strings(new) if one.startswith("https://")]
            if issuers and all(any(builder in one for builder in BUILDERS) for one in issuers):
                found["federated_known"] = True
    return found


def _defaults(name: str, view: Mapping[str, Any]) -> bool:
    """Whether a change is one of the security defaults."""
    return any("security defaults" in one.lower() for one in (name, *strings(view.get("targets"))))


def _whole(value: Any) -> Any:
    """A property's value, which may be JSON within JSON."""
    for _ in range(3):
        again = parsed(value)
        if again is value:
            break
        value = again
    found = as_list(value)
    return found[0] if len(found) == 1 else value


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _state(policy: Mapping[str, Any]) -> str:
    return str(policy.get("state", policy.get("State", ""))).lower()


def _weaker(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    found = []
    if _state(old) == "enabled" and _state(new) in ("disabled", "enabledforreportingbutnotenforced"):
        found.append("no longer enforced")
    if _state(new) != "enabled":
        return found
    for kind in ("excludeUsers", "excludeGroups", "excludeRoles"):
        if _grown(new, old, "conditions", "users", kind):
            found.append(f"more exceptions ({kind})")
    for path in (
        ("conditions", "locations", "excludeLocations"),
        ("conditions", "applications", "excludeApplications"),
        ("conditions", "platforms", "excludePlatforms"),
    ):
        if _grown(new, old, *path):
            found.append(f"more exceptions ({path[-1]})")
    before, after = (set(strings(inner(one, "grantControls", "builtInControls"))) for one in (old, new))
    if before - after:
        found.append("fewer demands")
    for kind in ("includeUsers", "includeGroups", "includeRoles"):
        if "All" in strings_at(old, "conditions", "users", kind) and "All" not in strings_at(
            new, "conditions", "users", kind
        ):
            found.append("fewer people")
    return found


def strings_at(policy: Mapping[str, Any], *path: str) -> set[str]:
    """The strings at a place of a policy."""
    return set(strings(inner(policy, *path)))


def _grown(new: Mapping[str, Any], old: Mapping[str, Any], *path: str) -> bool:
    return bool(strings_at(new, *path) - strings_at(old, *path))


def lookalike(name: str) -> bool:
    """Whether a name reads like a well-known publisher's and is not written so. Names wholly in another alphabet are
    nobody's imitation."""
    words = re.findall(r"[\w$@]{4,}", name)
    for word in words:
        letters = [c for c in word if c.isalpha()]
        latin = sum(1 for c in letters if unicodedata.name(c, "").startswith("LATIN"))
        plain = unicodedata.normalize("NFKD", word.lower()).encode("ascii", "ignore").decode()
        folded = word.lower().translate(_LIKE)
        if (latin > 0 and folded != word.lower() and folded in _PUBLISHERS) or (
            plain in _PUBLISHERS and plain != word.lower()
        ):
            return True
    return False
