//! Statements over many rows.

use sqlx::{PgConnection, SqliteConnection};

/// One statement over many rows: its text for 128, 64, … 1 rows. Few sizes keep the engines' statement caches warm; that
/// the texts are leaked (once each) makes them `&'static str`, which sqlx asks for.
pub struct Multi {
    /// The largest first.
    texts: Vec<Text>,
}

/// For so many rows.
struct Text {
    rows: usize,
    /// With parameters `$1`, `$2` …
    numbered: &'static str,
    /// … and, where those are there in their order, with `?`.
    plain: Option<&'static str>,
}

const SIZES: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];
/// For more rows that are looked for one by one, PostgreSQL reads the whole table.
const MOST_LOOKED_FOR: usize = 64;

/// An engine, by its connection.
pub trait Engine {
    /// To bind a parameter that has a name, sqlx has SQLite look through the names of all: of three thousand, that takes
    /// longer than all else. PostgreSQL knows no others.
    const NUMBERS: bool;
}

impl Engine for SqliteConnection {
    const NUMBERS: bool = false;
}

impl Engine for PgConnection {
    const NUMBERS: bool = true;
}

/// The type of a column, in words that both engines know.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Text,
    Number,
    Truth,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::Text => "TEXT",
            Type::Number => "BIGINT",
            Type::Truth => "BOOLEAN",
        }
    }
}

impl Multi {
    /// Of a list, which has one parameter for each entry.
    pub const LARGEST: usize = SIZES[0];

    /// `before ($first, …), (…) after`, with `columns` parameters per row; one column makes a plain list. (A list written as
    /// `VALUES` would do too, but makes PostgreSQL read the whole table.)
    pub(super) fn new(before: &str, first: usize, columns: usize, after: &str) -> Multi {
        Self::of(before, columns, after, |r, c| {
            format!("${}", first + r * columns + c)
        })
    }

    /// The same for rows that no table gives their types: `before (CAST($1 AS …), …), (…) after`.
    pub(super) fn typed(before: &str, columns: &[Type], after: &str) -> Multi {
        let multi = Self::of(before, columns.len(), after, |r, c| {
            let name = columns[c].name();
            format!("CAST(${} AS {name})", 1 + r * columns.len() + c)
        });
        let texts = multi.texts.into_iter();
        Multi {
            texts: texts.filter(|t| t.rows <= MOST_LOOKED_FOR).collect(),
        }
    }

    fn of(
        before: &str,
        columns: usize,
        after: &str,
        parameter: impl Fn(usize, usize) -> String,
    ) -> Multi {
        let row = |r: usize| {
            let parameters: Vec<_> = (0..columns).map(|c| parameter(r, c)).collect();
            match columns {
                1 => parameters.concat(),
                _ => format!("({})", parameters.join(", ")),
            }
        };
        let text = |size: usize| {
            let rows: Vec<_> = (0..size).map(row).collect();
            let text = format!("{before}{}{after}", rows.join(", "));
            Text {
                rows: size,
                plain: without_numbers(&text).map(|plain| &*plain.leak()),
                numbered: text.leak(),
            }
        };
        Multi {
            texts: SIZES.into_iter().map(text).collect(),
        }
    }

    /// Each numbered text, with how many rows it takes.
    #[cfg(feature = "testing")]
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, &'static str)> {
        self.texts.iter().map(|text| (text.rows, text.numbered))
    }

    /// Cuts the rows into pieces for which there is a text, as this engine wants it.
    pub fn split<'a, 's, C: Engine, T>(
        &'s self,
        _: &C,
        rows: &'a [T],
    ) -> impl Iterator<Item = (&'static str, &'a [T])> + use<'a, 's, C, T> {
        self.cut(C::NUMBERS, rows)
    }

    fn cut<'a, T>(
        &self,
        numbers: bool,
        mut rows: &'a [T],
    ) -> impl Iterator<Item = (&'static str, &'a [T])> {
        std::iter::from_fn(move || {
            let text = self.texts.iter().find(|text| text.rows <= rows.len())?;
            let (piece, rest) = rows.split_at(text.rows);
            rows = rest;
            let plain = text.plain.filter(|_| !numbers);
            let sql = plain.unwrap_or(text.numbered);
            Some((sql, piece))
        })
    }

    /// The smallest text that takes all of a list, which must not be empty nor longer than [`Multi::LARGEST`]; and the list,
    /// filled up by repeating its last entry.
    pub fn padded<'a, T>(&self, list: &'a [T]) -> (&'static str, impl Iterator<Item = &'a T>) {
        let mut fit = self.texts.iter().rev();
        let smallest = fit.find(|text| text.rows >= list.len());
        let text = smallest.unwrap_or(&self.texts[0]);
        let filled = list.iter().chain(list.last().into_iter().cycle());
        (text.numbered, filled.take(text.rows))
    }
}

/// With `?` for `$1`, `$2` …; nothing where they do not come in this order, each once.
fn without_numbers(sql: &str) -> Option<String> {
    let mut pieces = sql.split('$');
    let mut plain = pieces.next()?.to_owned();
    for (before, piece) in pieces.enumerate() {
        let rest = piece.strip_prefix(&(before + 1).to_string())?;
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        plain.push('?');
        plain.push_str(rest);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::super::{EVENT_PUT, NOTIFICATION_PUT, NOTIFICATION_SETTLE, RECEIPTS, STREAMS_AFTER};

    #[test]
    fn rows_are_split_into_powers_of_two_in_order() {
        let rows: Vec<usize> = (0..300).collect();
        let pieces: Vec<_> = EVENT_PUT.cut(false, &rows).collect();
        assert_eq!(
            pieces
                .iter()
                .map(|(_, piece)| piece.len())
                .collect::<Vec<_>>(),
            [128, 128, 32, 8, 4]
        );
        assert_eq!(
            pieces
                .iter()
                .flat_map(|(_, piece)| piece.iter().copied())
                .collect::<Vec<_>>(),
            rows
        );
        assert_eq!(
            pieces[4].0.matches('(').count(),
            5,
            "the columns and four rows"
        );
        assert_eq!(EVENT_PUT.cut::<u8>(false, &[]).count(), 0);
    }

    #[test]
    fn parameters_have_no_numbers_where_they_are_in_their_order() {
        let plain = |sql| super::without_numbers(sql);
        assert_eq!(plain("($1, $2), ($3)").as_deref(), Some("(?, ?), (?)"));
        let many: String = (1..=12).map(|n| format!("CAST(${n} AS TEXT) ")).collect();
        assert_eq!(plain(&many), Some("CAST(? AS TEXT) ".repeat(12)));
        for other in ["$2, $1", "$1, $1", "$1, $3, $2", "$2", "$10"] {
            assert_eq!(plain(other), None, "{other}");
        }
        for multi in [&EVENT_PUT, &NOTIFICATION_PUT, &NOTIFICATION_SETTLE] {
            assert!(multi.texts.iter().all(|text| text.plain.is_some()));
        }
        assert!(STREAMS_AFTER.texts.iter().all(|text| text.plain.is_none()));
    }

    #[test]
    fn a_list_is_filled_up_by_repeating_its_last_entry() {
        let (sql, list) = RECEIPTS.padded(&["a", "b", "c"]);
        assert!(sql.ends_with("key IN ($1, $2, $3, $4)"), "{sql}");
        assert_eq!(list.copied().collect::<Vec<_>>(), ["a", "b", "c", "c"]);
    }
}
