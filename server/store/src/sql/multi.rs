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
    /// … and with `?`, in their order.
    plain: &'static str,
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
        Self::of(before, columns, after, |n, _| match n {
            Some(n) => format!("${}", first + n),
            None => "?".to_owned(),
        })
    }

    /// The same for rows that no table gives their types: `before (CAST($1 AS …), …), (…) after`.
    pub(super) fn typed(before: &str, columns: &[Type], after: &str) -> Multi {
        let multi = Self::of(before, columns.len(), after, |n, c| {
            let name = columns[c].name();
            match n {
                Some(n) => format!("CAST(${} AS {name})", 1 + n),
                None => format!("CAST(? AS {name})"),
            }
        });
        let texts = multi.texts.into_iter();
        Multi {
            texts: texts.filter(|t| t.rows <= MOST_LOOKED_FOR).collect(),
        }
    }

    /// `parameter` writes one, by its number, if it has one, and its column.
    fn of(
        before: &str,
        columns: usize,
        after: &str,
        parameter: impl Fn(Option<usize>, usize) -> String,
    ) -> Multi {
        let text = |size: usize, numbers: bool| -> &'static str {
            let row = |r: usize| {
                let one = |c| parameter(numbers.then_some(r * columns + c), c);
                let parameters: Vec<_> = (0..columns).map(one).collect();
                match columns {
                    1 => parameters.concat(),
                    _ => format!("({})", parameters.join(", ")),
                }
            };
            let rows: Vec<_> = (0..size).map(row).collect();
            format!("{before}{}{after}", rows.join(", ")).leak()
        };
        let texts = SIZES.into_iter().map(|rows| Text {
            rows,
            numbered: text(rows, true),
            plain: text(rows, false),
        });
        Multi {
            texts: texts.collect(),
        }
    }

    /// Each numbered text, with how many rows it takes.
    #[cfg(feature = "testing")]
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, &'static str)> {
        self.texts.iter().map(|text| (text.rows, text.numbered))
    }

    /// Cuts the rows into pieces for which there is a text, as this engine wants it. There are no other parameters than
    /// theirs.
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
            let sql = match numbers {
                true => text.numbered,
                false => text.plain,
            };
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

#[cfg(test)]
mod tests {
    use super::super::{EVENT_PUT, NOTIFICATION_SETTLE, RECEIPTS};

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
    fn both_texts_say_the_same_with_the_parameters_in_their_order() {
        for multi in [&EVENT_PUT, &NOTIFICATION_SETTLE] {
            for (numbered, plain) in multi
                .cut(true, &[(); 255])
                .zip(multi.cut(false, &[(); 255]))
            {
                let mut numbered = numbered.0.to_owned();
                for n in 1..=plain.0.matches('?').count() {
                    numbered = numbered.replacen(&format!("${n}"), "?", 1);
                }
                assert_eq!(numbered, plain.0);
            }
        }
    }

    #[test]
    fn a_list_is_filled_up_by_repeating_its_last_entry() {
        let (sql, list) = RECEIPTS.padded(&["a", "b", "c"]);
        assert!(sql.ends_with("key IN ($1, $2, $3, $4)"), "{sql}");
        assert_eq!(list.copied().collect::<Vec<_>>(), ["a", "b", "c", "c"]);
    }
}
