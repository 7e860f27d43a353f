//! A plan of a few lines, for tests that bring their own runbooks: nothing is checked, nobody is in the way.

pub const PLAN: [(&str, &str); 7] = [
    (
        "plan.yaml",
        "schema_version: 1
name: A small plan
organization: Example
version: 1.0.0
last_updated: January 2026
review_cycle: Quarterly
owner: DevOps
",
    ),
    (
        "objectives.yaml",
        "rto:
  - {id: critical, name: Critical, within: 1h}
rpo:
  - {id: database, name: Database, within: 15m}
",
    ),
    (
        "services.yaml",
        "- {id: database, name: Database, tier: critical}
",
    ),
    (
        "targets.yaml",
        "databases:
  main:
    nodes:
      one: {url: 'postgres://postgres@127.0.0.1:9/main', password_env: PROVE_DB_PASSWORD}
      two: {url: 'postgres://postgres@127.0.0.1:9/main', password_env: PROVE_DB_PASSWORD}
    primary: one
    replica: two
    route: {url: 'postgres://app@127.0.0.1:9/main', password_env: PROVE_APP_PASSWORD}
",
    ),
    (
        "communication.yaml",
        "severities:
  - {id: SEV1, name: Critical, description: All is down, first_update: 5m, update_every: 20m}
  - {id: SEV2, name: Major, description: Much is down, first_update: 15m, update_every: 30m}
  - {id: SEV3, name: Minor, description: Little is down, first_update: 1h, update_every: 2h}
audiences:
  - {id: tech, name: Tech Team, members: [DevOps Lead]}
matrix:
  - {severity: SEV1, within: 0s, audiences: [all], channels: [phone, email]}
  - {severity: SEV2, within: 15m, audiences: [tech], channels: [email]}
  - {severity: SEV3, within: 1h, audiences: [tech], channels: [slack]}
",
    ),
    (
        "contacts.yaml",
        "emergency:
  - {role: DevOps Lead, name: Jane Doe, phone: +1-555-0002, email: devops@example.com, escalation: primary}
",
    ),
    ("checklist.yaml", "emergency: [Assess, Notify]\n"),
];
