//! Several statements as one text, which SQLite takes in one breath. (PostgreSQL prepares single statements only.)

use sqlx::AssertSqlSafe;

#[derive(Default)]
pub struct Script {
    text: String,
    statements: usize,
}

impl Script {
    /// Puts a statement after those that are there. Its parameters have no numbers, and come after theirs.
    pub fn add(&mut self, sql: &str) {
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        self.text.push_str(sql);
        self.statements += 1;
    }

    /// How many statements there are.
    pub fn len(&self) -> usize {
        self.statements
    }

    /// Safe, for it is made of statements of ours.
    pub fn text(self) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.text)
    }
}
