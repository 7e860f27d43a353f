//! Several statements as one text, which SQLite takes in one breath. (PostgreSQL prepares single statements only.)

use sqlx::AssertSqlSafe;

#[derive(Default)]
pub struct Script {
    text: String,
    parameters: usize,
}

impl Script {
    /// Puts a statement after those that are there. Its parameters come after theirs.
    pub fn add(&mut self, sql: &str) {
        let before = self.parameters;
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        let mut pieces = sql.split('$');
        self.text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let number = before + piece[..digits].parse::<usize>().unwrap_or_default();
            self.parameters = self.parameters.max(number);
            self.text.push('$');
            self.text.push_str(&number.to_string());
            self.text.push_str(&piece[digits..]);
        }
    }

    /// Safe, for it is made of statements of ours and of numbers.
    pub fn text(self) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn parameters_of_a_later_statement_come_after_those_before_it() {
        let mut script = Script::default();
        script.add("INSERT INTO a VALUES ($1, $2), ($3, $4)");
        script.add("UPDATE b SET c = $2 WHERE d = $1 AND e = $2");
        script.add("DELETE FROM f WHERE g = $1");
        assert_eq!(
            script.text,
            "INSERT INTO a VALUES ($1, $2), ($3, $4); UPDATE b SET c = $6 WHERE d = $5 AND e = $6; \
             DELETE FROM f WHERE g = $7"
        );
    }
}
