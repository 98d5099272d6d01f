"""A message of each source, as its vendor writes it."""

from __future__ import annotations

from typing import Any

GRAPH: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.security.alert",
    "id": "da637551227677560813_-961444813",
    "providerAlertId": "da637551227677560813_-961444813",
    "incidentId": "28282",
    "status": "new",
    "severity": "high",
    "serviceSource": "microsoftDefenderForOffice365",
    "detectionSource": "microsoftDefenderForOffice365",
    "tenantId": "b3c1b5fc-828c-45fa-a1e1-10d74f6d6e9c",
    "title": "Suspicious inbox forwarding rule",
    "description": "A rule forwards mail outside.",
    "category": "Collection",
    "createdDateTime": "2026-11-20T09:00:41.5966667Z",
    "lastUpdateDateTime": "2026-11-20T09:02:00Z",
    "mitreTechniques": ["T1114.003", "nonsense"],
    "evidence": [
        {
            "@odata.type": "#microsoft.graph.security.userEvidence",
            "userAccount": {"userPrincipalName": "Dana@acme.example"},
        },
        {"@odata.type": "#microsoft.graph.security.ipEvidence", "ipAddress": "203.0.113.9"},
    ],
}
GUARDDUTY: dict[str, Any] = {
    "version": "0",
    "id": "cd2d702e-ab31-411b-9344-793ce56b1bc7",
    "detail-type": "GuardDuty Finding",
    "source": "aws.guardduty",
    "account": "111122223333",
    "time": "2026-11-20T09:00:00Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": {
        "schemaVersion": "2.0",
        "accountId": "111122223333",
        "region": "eu-west-1",
        "id": "16afba5c5c43e07c9e3e5e2e544e95df",
        "type": "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
        "severity": 8,
        "createdAt": "2026-11-20T08:55:00.000Z",
        "updatedAt": "2026-11-20T08:59:00.000Z",
        "title": "Credentials are used from outside.",
        "description": "From an address outside AWS.",
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}},
        "service": {"archived": False, "count": 4},
    },
}
CROWDSTRIKE: dict[str, Any] = {
    "resources": [
        {
            "composite_id": "d61501abe661:ind:1c0de:5702-2049-5709328",
            "cid": "d61501abe661",
            "severity": 90,
            "name": "CredentialDumping",
            "display_name": "Credentials were dumped",
            "technique_id": "T1003",
            "device": {"device_id": "abc", "hostname": "FIN-LAPTOP-7"},
            "status": "new",
            "created_timestamp": "2026-11-20T09:00:00.123456789Z",
            "updated_timestamp": "2026-11-20T09:01:00Z",
        }
    ]
}
SENTINELONE: dict[str, Any] = {
    "data": [
        {
            "id": "225494730938493804",
            "agentRealtimeInfo": {"agentComputerName": "srv-files", "siteId": "225494730938493915"},
            "threatInfo": {
                "threatId": "225494730938493804",
                "threatName": "locker.exe",
                "classification": "Ransomware",
                "confidenceLevel": "malicious",
                "createdAt": "2026-11-20T09:00:00.000000Z",
                "updatedAt": "2026-11-20T09:00:05.000000Z",
                "sha1": "3395856ce81f2b7382dee72602f798b642f14140",
            },
        }
    ]
}
HUNTRESS: dict[str, Any] = {
    "event_type": "incident_report.created",
    "id": 4711,
    "account": {"id": 1},
    "organization": {"id": 88, "name": "Acme"},
    "agent_id": 33,
    "severity": "critical",
    "status": "sent",
    "subject": "CRITICAL - Incident on SRV-1",
    "body": "A foothold was found.",
    "created_at": "2026-11-20T09:00:00Z",
}
NINJAONE: dict[str, Any] = {
    "id": 991,
    "activityTime": 1763629200.0,
    "deviceId": 12,
    "activityType": "CONDITION",
    "statusCode": "TRIGGERED",
    "seriesUid": "f7f5f5ab",
    "message": "Disk of srv-files is nearly full",
    "severity": "MAJOR",
    "organizationId": 5,
    "device": {"dnsName": "srv-files"},
}
SWEEP: dict[str, Any] = {
    "tenant": "acme",
    "findings": [
        {
            "id": "f0a1",
            "rule": "mail.rule_hidden",
            "title": "A rule that nobody sees",
            "severity": "critical",
            "attack": ["T1564.008"],
            "entity": {"type": "account", "id": "dana@acme.example"},
            "event_ids": [],
            "first_seen": "2026-11-20T09:00:00.000000Z",
            "last_seen": "2026-11-20T09:00:00.000000Z",
            "evidence": "hidden",
            "remedy": "Remove it.",
        }
    ],
}
PREFECT: dict[str, Any] = {
    "id": "8b1a3a52-3b0e-4c3c-9f7d-d7a0b0f8d001",
    "occurred": "2026-11-20T09:00:00Z",
    "event": "prefect.flow-run.Crashed",
    "resource": {
        "prefect.resource.id": "prefect.flow-run.27fb3f3e-0000-4000-8000-000000000000",
        "prefect.resource.name": "acme · sweep",
    },
    "related": [{"prefect.resource.id": "prefect.tag.tenant:acme", "prefect.resource.role": "tag"}],
    "payload": {},
}
MAPPING = """\
id: siem
items: alerts
uid: event.id
title: rule.name
severity: {from: level, values: {"10": critical, High: high}, otherwise: low}
types: [rule.group]
entities:
  - {type: account, id: user.email}
  - {type: host, id: host.name}
customer: org
at: when
same: [rule.id]
only: {from: status, is: [open]}
product: The SIEM
"""
GENERIC: dict[str, Any] = {
    "alerts": [
        {
            "event": {"id": 1},
            "rule": {"id": "r1", "name": "Brute force", "group": "signin"},
            "level": 10,
            "user": {"email": "dana@acme.example"},
            "org": "acme-1",
            "when": "2026-11-20T09:00:00Z",
            "status": "open",
        },
        {"event": {"id": 2}, "status": "closed"},
    ]
}
GRAPH_INCIDENT: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.security.incident",
    "id": "28282",
    "displayName": "Mail is forwarded outside",
    "tenantId": GRAPH["tenantId"],
    "severity": "high",
    "status": "active",
    "createdDateTime": "2026-11-20T09:00:41.5966667Z",
    "lastUpdateDateTime": "2026-11-20T09:02:00Z",
    "alerts": [GRAPH],
}
SECURITYHUB: dict[str, Any] = {
    "version": "0",
    "detail-type": "Security Hub Findings - Imported",
    "source": "aws.securityhub",
    "account": "111122223333",
    "detail": {
        "findings": [
            {
                "SchemaVersion": "2018-10-08",
                "Id": "arn:aws:securityhub:eu-west-1:111122223333:subscription/x/finding/1",
                "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
                "GeneratorId": "x",
                "AwsAccountId": "111122223333",
                "Types": ["TTPs/Credential Access"],
                "CreatedAt": "2026-11-20T08:55:00.000Z",
                "UpdatedAt": "2026-11-20T08:59:00.000Z",
                "Title": "A key is used from outside.",
                "Description": "From an address outside AWS.",
                "Severity": {"Label": "CRITICAL"},
                "Resources": [{"Type": "AwsIamAccessKey", "Id": "AWS::IAM::AccessKey:AKIAIOSFODNN7EXAMPLE"}],
                "RecordState": "ACTIVE",
                "Workflow": {"Status": "NEW"},
            }
        ]
    },
}
EACH: dict[str, dict[str, Any]] = {
    "graph_incident": GRAPH_INCIDENT,
    "securityhub": SECURITYHUB,
    "microsoft_graph": GRAPH,
    "guardduty": GUARDDUTY,
    "crowdstrike": CROWDSTRIKE,
    "sentinelone": SENTINELONE,
    "huntress": HUNTRESS,
    "ninjaone": NINJAONE,
    "sweep": SWEEP,
    "prefect": PREFECT,
    "generic": GENERIC,
}
