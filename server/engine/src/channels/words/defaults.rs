//! Muster's own words, in the form of the plan's templates.

use domain::plan::{Channel, Stage};

/// What a subject says of the stage; nothing where the incident itself is the news.
pub fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Declared | Stage::Test => "",
        Stage::Raised => "Raised",
        Stage::Reopened => "Reopened",
        Stage::Escalation => "Not acknowledged",
        Stage::Update => "Update",
        Stage::Resolved => "Resolved",
        Stage::Reminder => "Update due",
        Stage::Repeat => "Reminder",
    }
}

/// What is asked of the reader, on the button.
pub fn ask(stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Declared | Stage::Raised | Stage::Reopened | Stage::Escalation | Stage::Repeat => {
            Some("Acknowledge")
        }
        Stage::Test => Some("Yes, this reached me"),
        Stage::Update | Stage::Resolved | Stage::Reminder => None,
    }
}

/// The text for a stage and a channel.
pub fn text(stage: Stage, channel: Channel) -> &'static str {
    match channel {
        Channel::Phone => spoken(stage),
        Channel::Sms => short(stage),
        Channel::Email => written(stage),
        Channel::Slack | Channel::Webhook | Channel::Teams | Channel::Pagerduty => posted(stage),
    }
}

/// For one person to read.
fn written(stage: Stage) -> &'static str {
    match stage {
        Stage::Declared => {
            "A {{severity}} incident was declared, and the plan says that you are to know. Please acknowledge it."
        }
        Stage::Raised => {
            "This incident was raised to {{severity}}. Please acknowledge that you know."
        }
        Stage::Reopened => {
            "This incident was reopened: it is not over. Please acknowledge that you know."
        }
        Stage::Escalation => {
            "Nobody has acknowledged this incident, so you are asked next. Please acknowledge that you know."
        }
        Stage::Update => "There is news of this incident.",
        Stage::Resolved => "This incident is resolved. There is nothing for you to do.",
        Stage::Reminder => {
            "People wait for the next word on this incident. Please post an update, even where there is nothing new to say."
        }
        Stage::Repeat => {
            "You were told of this incident and have not acknowledged it yet. Please acknowledge that you know."
        }
        Stage::Test => {
            "This is a test by {{organization}}: no incident. It shows that Muster reaches you here. Please confirm that it arrived."
        }
    }
}

/// For many to read.
fn posted(stage: Stage) -> &'static str {
    match stage {
        Stage::Declared => {
            "A {{severity}} incident was declared. Whoever takes it, please acknowledge."
        }
        Stage::Raised => {
            "This incident was raised to {{severity}}. Whoever takes it, please acknowledge."
        }
        Stage::Reopened => {
            "This incident was reopened: it is not over. Whoever takes it, please acknowledge."
        }
        Stage::Escalation => {
            "Nobody has acknowledged this incident yet. Whoever takes it, please acknowledge."
        }
        Stage::Repeat => "This incident waits for somebody to acknowledge it.",
        other => written(other),
    }
}

/// For a small screen. The link to acknowledge follows it.
fn short(stage: Stage) -> &'static str {
    match stage {
        Stage::Declared => {
            "{{severity}} {{number}}: {{title}}. Affected: {{affected}}. Since {{declared_at}}. Commander: {{commander}}."
        }
        Stage::Raised => {
            "Raised to {{severity}}: {{number}} {{title}}. Affected: {{affected}}. Commander: {{commander}}."
        }
        Stage::Reopened => {
            "Reopened: {{severity}} {{number}} {{title}}. Affected: {{affected}}. Commander: {{commander}}."
        }
        Stage::Escalation => {
            "Nobody has acknowledged {{severity}} {{number}}: {{title}}. Since {{declared_at}}. You are asked next."
        }
        Stage::Update => "{{number}} {{phase}}: {{update}}",
        Stage::Resolved => "Resolved: {{severity}} {{number}} {{title}}. {{update}}",
        Stage::Reminder => "An update of {{severity}} {{number}} is due: {{title}}. {{update}}",
        Stage::Repeat => {
            "Not acknowledged yet: {{severity}} {{number}} {{title}}. Since {{declared_at}}."
        }
        Stage::Test => {
            "A test of Muster by {{organization}}, no incident. Please confirm that it arrived."
        }
    }
}

/// For the ear. What to press follows it.
fn spoken(stage: Stage) -> &'static str {
    match stage {
        Stage::Declared => {
            "A {{severity}} incident was declared {{age}} ago: {{title}}. Affected: {{affected}}. In command: {{commander}}."
        }
        Stage::Raised => {
            "An incident was raised to {{severity}}: {{title}}. Affected: {{affected}}. In command: {{commander}}."
        }
        Stage::Reopened => {
            "A {{severity}} incident was reopened: {{title}}. Affected: {{affected}}. In command: {{commander}}."
        }
        Stage::Escalation => {
            "Nobody has acknowledged a {{severity}} incident that was declared {{age}} ago: {{title}}. You are asked next. In command: {{commander}}."
        }
        Stage::Update => "News of the incident {{title}}: {{update}}",
        Stage::Resolved => "The incident {{title}} is resolved. {{update}}",
        Stage::Reminder => "An update is due for the incident {{title}}. {{update}}",
        Stage::Repeat => {
            "You have not acknowledged a {{severity}} incident that was declared {{age}} ago: {{title}}."
        }
        Stage::Test => "This is a test, no incident. It shows that Muster reaches you by phone.",
    }
}
