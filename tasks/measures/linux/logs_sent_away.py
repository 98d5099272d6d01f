"""`measures.linux.logs_sent_away`"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tasks.measures.linux._hosts import HostMeasure
from tenantry.capabilities import HostPosture
from tenantry.sweep.check import Look

_RSYSLOG: Final = re.compile(r"(^|\s)@{1,2}[\w\[(]|omfwd|omrelp|omelasticsearch|omkafka|omhttp", re.IGNORECASE)
_AGENTS: Final = (
    "systemd-journal-upload", "filebeat", "journalbeat", "auditbeat", "elastic-agent", "fluent-bit", "fluentd", "td-agent", "vector", "promtail",
    "alloy", "splunk", "SplunkForwarder", "amazon-cloudwatch-agent", "google-cloud-ops-agent", "azuremonitoragent", "omsagent", "datadog-agent",
    "wazuh-agent", "nxlog", "graylog-sidecar",
)  # fmt: skip


class LogsSentAway(HostMeasure):
    """What the host writes down is sent elsewhere as it comes: whoever takes the host cannot take it back. NIST SP 800-92."""

    name = "measures.linux.logs_sent_away"
    parts = ("contents", "units")

    def of(self, host: HostPosture, look: Look) -> Iterable[str] | None:
        del look
        if host.runs(*_AGENTS):
            return []
        lines = host.settings("/etc/rsyslog.conf", "/etc/rsyslog.d/")
        if host.runs("rsyslog") and any(_RSYSLOG.search(line) for _, line in lines):
            return []
        return ["its logs stay on it, as far as can be seen"]
