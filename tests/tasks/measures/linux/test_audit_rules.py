from __future__ import annotations

from tasks.measures.linux.audit_rules import AuditRules
from tests.tasks.measures.linux.hosts import answered, unit

RULES = {"/etc/audit/rules.d/a.rules": "-D\n-w /etc/passwd -p wa -k identity\n"}


def test_daemon_and_rules() -> None:
    assert answered(AuditRules, units=unit("auditd.service"), contents=RULES) == []
    assert answered(
        AuditRules, units=unit("auditd.service"), contents={"/etc/audit/rules.d/a.rules": "-D\n-b 8192\n"}
    ) == ["the audit daemon has no rules"]
    assert answered(AuditRules, contents=RULES) == ["the audit daemon does not run"]
