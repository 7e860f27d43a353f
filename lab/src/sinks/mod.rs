//! The outside world: a mail server, Slack, a telephone company, webhooks, Teams and PagerDuty, as their senders see them.
//!
//! ```text
//! muster-lab sinks --dir DIR [--port-file FILE] [--http-port N] [--smtp-port N]
//! ```
//!
//! Listens on 127.0.0.1 (any free ports unless named), then writes FILE (`DIR/sinks.json`, 0600) in one piece, and ends
//! when its stdin closes. In it are `pid`, `url` (the page for people, and the base of everything below), `smtp_port`, and
//! `env`: every address and secret under the name by which Muster is told it (`MUSTER_SMTP_URL`, `MUSTER_SLACK_WEBHOOK`,
//! …). Secrets are made once per DIR. What was accepted is in `DIR/{smtp,slack,phone,sms,hook,teams,pagerduty}.jsonl`, one
//! entry a line, written before the sender is answered.
//!
//! Senders talk to these:
//!
//! ```text
//! SMTP                               STARTTLS (CA: MUSTER_SMTP_CA), AUTH PLAIN and LOGIN; recipients in `.invalid` get 550
//! POST /slack/{channel}              incoming webhook: 200 ok, 400 invalid_payload, no_text or invalid_blocks
//! POST /2010-04-01/Accounts/{sid}/Calls.json, …/Messages.json     Twilio; sinks `phone` and `sms`
//! GET  /2010-04-01/Accounts/{sid}/Calls/{sid}.json, …/Messages/{sid}.json
//! POST /hook/{name}                  any webhook (GET is kept too): 204; 401 when its Standard Webhooks signature is wrong
//! POST /teams/{name}                 an Adaptive Card: 202
//! POST /pagerduty/v2/enqueue         Events v2: 202, 400
//! ```
//!
//! Tests and people talk to these, in JSON. An answer that is no list is `{"ok":true, …}` or `{"ok":false,"error":…}`.
//!
//! ```text
//! GET    /control/received?sink=&to=&key=&after=N&count=1&wait_ms=0&limit=1000&brief=true
//!        what was accepted, as a list in order: {number, at, sink, to: [..], subject, text, key, fault, headers: {..}, body,
//!        detail: {..}}. `number` counts through all sinks. `key` is the Message-ID, webhook-id, dedup_key or
//!        Idempotency-Key; `fault` is what was done to the delivery after it was accepted, or null. `brief` leaves out
//!        text, headers, body and detail. With wait_ms it answers as soon as `count` entries match, or when the time is up.
//! GET    /control/received/{number}          the one entry, with `then`: all that happened to it
//! DELETE /control/received                   forgets everything; numbers go on counting
//! GET    /control/happened?sink=&of=N&kind=&after=N&count=1&wait_ms=0&limit=1000
//!        what came of it: {number, at, sink, of, kind, detail}. kind: `status` (of a call or message), `callback` (url,
//!        params, answered: the status code, or error), `said` (the words of a <Say>), `pressed`, `response` (Slack's
//!        response_url was used)
//! POST   /control/press  {"number":N,"digit":"1"}                                 on a call that listens to a <Gather>
//!                        {"number":N,"action":"ack","user":{"id":"U1","name":"ada"},"url":"http://…"}     on a Slack message:
//!        `action` is an action_id (default: the first button), `url` defaults to the setting. Answers with the
//!        `status` and `body` that the press was answered with; 409 when there is nothing to press.
//! PUT    /control/phones {"to":"+49…"|"*","call":"listen|press|hang_up|busy|no_answer|failed","digit":"1",
//!                         "message":"delivered|sent|undelivered|failed"}          how that number behaves from now on:
//!        `listen` (the default) picks up and waits at a <Gather> for /control/press, `press` presses at once, `hang_up`
//!        hears it out and hangs up. GET shows them, DELETE forgets them.
//! PUT    /control/settings {"slack_actions_url":"http://…"}                       where Slack's buttons lead; GET shows it
//! POST   /control/faults {"sink":"slack"|"all","kind":…,"times":3,"rate":1.0,"seed":1,"ms":2000,"retry_after":2,"kinds":[..]}
//!        replaces the fault of that sink: it hits `times` deliveries (null: until it is taken away), each with
//!        probability `rate`. GET shows each with how often it was applied; DELETE ?sink= takes it away. The kinds:
//!        refuse              RST before anything is read (SMTP: 421)                                       nothing is kept
//!        hang                takes the request (SMTP: the connection, or MAIL) and never answers           nothing is kept
//!        drop                reads the delivery and closes the connection without an answer                nothing is kept
//!        error_500           500 (SMTP: 451)                                                               nothing is kept
//!        rate_limit          429 with Retry-After (SMTP: 450)                                              nothing is kept
//!        reject              for good: 404 no_service, 400 21211, 410, 403, SMTP 550                       nothing is kept
//!        slow                keeps it, and answers `ms` later
//!        reset_after_accept  keeps it, and resets the connection without an answer
//!        repeat_callbacks    each status callback, and each press, is sent twice
//!        drop_callbacks      status callbacks are never sent
//!        random              with probability `rate` (default 0.3) one of `kinds` (default: refuse, drop, error_500,
//!                            rate_limit, slow, reset_after_accept), from `seed`
//! ```
//!
//! The same from a shell: `muster-lab sinks fault slack refuse 3`, `muster-lab sinks fault all none`.
//!
//! - Architecture invariant: an entry is in its file before its sender is answered, and before any fault that follows.
//! - Architecture invariant: nothing here sends to any address but those that its senders named, and to loopback only.
