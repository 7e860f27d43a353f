//! Several statements as one text, which SQLite takes in one breath. (PostgreSQL prepares single statements only.)

use sqlx::AssertSqlSafe;

#[derive(Default)]
pub struct Script(String);

impl Script {
    /// Puts a statement after those that are there. Its parameters have no numbers, and come after theirs.
    pub fn add(&mut self, sql: &str) {
        if !self.0.is_empty() {
            self.0.push_str("; ");
        }
        self.0.push_str(sql);
    }

    /// Safe, for it is made of statements of ours.
    pub fn text(self) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.0)
    }
}
