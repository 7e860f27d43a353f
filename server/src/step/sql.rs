//! One statement on a database of the plan's targets.
//!
//! Values come back as the server itself writes them: the simple protocol speaks text, whatever the type. It has no
//! binds, so a statement with some is prepared in the server, and each value travels as a bind of `set_config` first.

use super::{No, values::Values};
use domain::{
    Span,
    plan::{Database, Node, Plan, Sql},
};
use futures::StreamExt;
use sqlx::{
    AssertSqlSafe, Connection, Either, Executor, PgConnection, Row, ValueRef, postgres::PgRow,
};
use std::time::Duration;

const TO_CONNECT: Duration = Duration::from_secs(10);
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Beyond the statement's own time the server gets this long to say that it is over.
const GRACE: Duration = Duration::from_secs(5);
const MOST_ROWS: usize = 20;
const MOST_CHARS: usize = 200;

/// What a statement brought.
#[derive(Default)]
struct Brought {
    /// The first rows, as they are shown.
    shown: Vec<String>,
    rows: u64,
    changed: u64,
    /// The first column of the first row.
    first: Option<Option<String>>,
}

pub async fn work(sql: &Sql, values: &Values) -> Result<(), No> {
    println!("on {}: {}", sql.place(), sql.statement);
    for (n, value) in sql.bind.iter().enumerate() {
        println!("  ${} = {}", n + 1, value.display());
    }
    let brought = run(sql, values).await?;
    for row in &brought.shown {
        println!("  {row}");
    }
    if brought.rows > brought.shown.len() as u64 {
        println!("  … and {} more", brought.rows - brought.shown.len() as u64);
    }
    println!("{}", brought.words());
    judge(sql, &brought).map_err(|no| match sql.read_only {
        true => no,
        false => No::Yet(format!("{}. The statement itself was done", no.says())),
    })
}

/// One look for a wait.
pub async fn look(sql: &Sql, values: &Values) -> Result<String, No> {
    let brought = run(sql, values).await?;
    judge(sql, &brought)?;
    Ok(match &brought.first {
        Some(first) => format!("the first value is {}", text(first)),
        None => brought.words(),
    })
}

impl Brought {
    fn words(&self) -> String {
        let rows = |n: u64| format!("{n} row{}", if n == 1 { "" } else { "s" });
        match self.changed.saturating_sub(self.rows) {
            0 => rows(self.rows),
            // Of a query the server counts its rows too.
            changed => format!("{}, {changed} changed", rows(self.rows)),
        }
    }
}

fn judge(sql: &Sql, brought: &Brought) -> Result<(), No> {
    match (&sql.expect, &brought.first) {
        (None, _) => Ok(()),
        (Some(expected), Some(Some(found))) if found == expected => Ok(()),
        (Some(expected), Some(found)) => Err(No::Yet(format!(
            "the first value is {}, expected {expected}",
            text(found)
        ))),
        (Some(expected), None) => Err(No::Yet(format!("no row came, expected {expected}"))),
    }
}

fn text(value: &Option<String>) -> String {
    let text = value.as_deref().unwrap_or("NULL");
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The plan's database of this name; without a name its only one.
pub fn database<'a>(plan: &'a Plan, name: Option<&str>) -> Result<(&'a str, &'a Database), No> {
    let all = &plan.targets.databases;
    let found = match name {
        Some(name) => all.get_key_value(name),
        None if all.len() == 1 => all.iter().next(),
        None => {
            return Err(No::Ever(format!(
                "the plan's targets hold {} databases; the step must say which",
                all.len()
            )));
        }
    };
    found.map(|(name, it)| (name.as_str(), it)).ok_or_else(|| {
        No::Ever(format!(
            "the plan's targets hold no database `{}`",
            name.unwrap_or_default()
        ))
    })
}

/// Its node of this name; without a name the way that the application takes.
pub fn node<'a>(database: &'a Database, name: Option<&str>) -> Result<&'a Node, No> {
    match name {
        None | Some("route") => Ok(&database.route),
        Some(name) => database
            .nodes
            .get(name)
            .ok_or_else(|| No::Ever(format!("the plan's targets hold no node `{name}`"))),
    }
}

pub fn plan() -> Result<Plan, No> {
    use crate::actions::ground;
    ground::plan().map_err(|no| match no {
        ground::No::Failed(says) | ground::No::WrongUse(says) | ground::No::Refused(says) => {
            No::Ever(says)
        }
    })
}

pub async fn connect(node: &Node, values: &Values) -> Result<PgConnection, No> {
    let password = node.password_env.as_ref();
    let password = password.map(|name| values.secret(name)).transpose()?;
    let secret = move |_: &str| password.clone();
    let connecting = engine::checks::connect(node, &secret);
    match tokio::time::timeout(TO_CONNECT, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(No::Yet(format!("cannot connect: {}", says(error)))),
        Err(_) => Err(No::Yet(format!(
            "cannot connect: no answer within {}",
            Span(TO_CONNECT).human()
        ))),
    }
}

fn says(error: sqlx::Error) -> String {
    engine::checks::database_failure(error).says
}

async fn run(sql: &Sql, values: &Values) -> Result<Brought, No> {
    let binds = sql.bind.iter().map(|v| values.take(v));
    let binds: Vec<String> = binds.collect::<Result<_, _>>()?;
    let plan = plan()?;
    let (_, database) = database(&plan, Some(&sql.database))?;
    let node = node(database, sql.node.as_deref())?;
    let mut connection = connect(node, values).await?;
    let limit = sql.statement_timeout.map_or(STATEMENT_TIMEOUT, |s| s.0);
    let going = execute(&mut connection, sql, &binds, limit);
    match tokio::time::timeout(limit + GRACE, going).await {
        Ok(Ok(brought)) => {
            let _ = tokio::time::timeout(GRACE, connection.close()).await;
            Ok(brought)
        }
        Ok(Err(error @ sqlx::Error::Database(_))) => {
            Err(No::Yet(format!("the database refuses: {}", says(error))))
        }
        Ok(Err(error)) => Err(lost(&says(error), sql.read_only)),
        Err(_) => Err(lost(
            &format!("no answer within {}", Span(limit + GRACE).human()),
            sql.read_only,
        )),
    }
}

fn lost(why: &str, read_only: bool) -> No {
    No::Yet(match read_only {
        true => format!("the answer was lost: {why}"),
        false => {
            format!("the answer was lost: {why}. Nobody knows whether the statement was done: look")
        }
    })
}

async fn execute(
    connection: &mut PgConnection,
    sql: &Sql,
    binds: &[String],
    limit: Duration,
) -> sqlx::Result<Brought> {
    // In milliseconds; nought would be no limit at all.
    let mut begin = format!("SET statement_timeout = {}", limit.as_millis().max(1));
    if sql.read_only {
        // For the session too: a COMMIT in the statement opens nothing.
        begin += "; SET default_transaction_read_only = on";
    }
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(begin)))
        .await?;
    let in_transaction = sql.read_only || !binds.is_empty();
    if in_transaction {
        let begin = if sql.read_only {
            "BEGIN READ ONLY"
        } else {
            "BEGIN"
        };
        connection.execute(sqlx::raw_sql(begin)).await?;
    }
    let brought = if binds.is_empty() {
        collect(connection, &sql.statement).await?
    } else {
        for (n, value) in binds.iter().enumerate() {
            sqlx::query("SELECT set_config($1, $2, true)")
                .bind(format!("muster.bind_{n}"))
                .bind(value)
                .execute(&mut *connection)
                .await?;
        }
        let types = vec!["text"; binds.len()].join(", ");
        let prepare = format!("PREPARE muster_step ({types}) AS {}", sql.statement);
        // The extended protocol takes one statement only, so none can hide behind the first.
        sqlx::query(AssertSqlSafe(prepare))
            .persistent(false)
            .execute(&mut *connection)
            .await?;
        let from: Vec<String> = (0..binds.len())
            .map(|n| format!("current_setting('muster.bind_{n}')"))
            .collect();
        let execute = format!("EXECUTE muster_step ({})", from.join(", "));
        let brought = collect(connection, &execute).await?;
        connection
            .execute(sqlx::raw_sql("DEALLOCATE muster_step"))
            .await?;
        brought
    };
    if in_transaction {
        connection.execute(sqlx::raw_sql("COMMIT")).await?;
    }
    Ok(brought)
}

async fn collect(connection: &mut PgConnection, statement: &str) -> sqlx::Result<Brought> {
    let mut brought = Brought::default();
    let mut stream = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(statement)));
    while let Some(next) = stream.next().await {
        match next? {
            Either::Left(done) => brought.changed += done.rows_affected(),
            Either::Right(row) => {
                brought.rows += 1;
                if brought.first.is_none() && !row.is_empty() {
                    brought.first = Some(column(&row, 0)?);
                }
                if brought.shown.len() < MOST_ROWS {
                    let columns: Vec<String> = (0..row.len())
                        .map(|n| column(&row, n).map(|v| v.unwrap_or_else(|| "NULL".into())))
                        .collect::<sqlx::Result<_>>()?;
                    let line = columns.join(" | ").replace(['\n', '\r'], " ");
                    brought.shown.push(text(&Some(line)));
                }
            }
        }
    }
    Ok(brought)
}

fn column(row: &PgRow, n: usize) -> sqlx::Result<Option<String>> {
    let value = row.try_get_raw(n)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = value.as_bytes().map_err(sqlx::Error::Decode)?;
    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}
