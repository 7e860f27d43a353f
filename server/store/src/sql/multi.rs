//! Statements over many rows.

/// One statement over many rows: its text for 128, 64, … 1 rows. Few sizes keep the engines' statement caches warm; that
/// the texts are leaked (once each) makes them `&'static str`, which sqlx asks for.
pub struct Multi {
    /// With how many rows each takes, the largest first.
    texts: Vec<(usize, &'static str)>,
}

const SIZES: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];
/// To bind one, sqlx has SQLite look through the names of all: twice as many take four times as long.
const MOST_PARAMETERS: usize = 512;

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
        Self::of(before, columns.len(), after, |r, c| {
            let name = columns[c].name();
            format!("CAST(${} AS {name})", 1 + r * columns.len() + c)
        })
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
        let text = |size: usize| -> &'static str {
            let rows: Vec<_> = (0..size).map(row).collect();
            format!("{before}{}{after}", rows.join(", ")).leak()
        };
        let fit = SIZES
            .into_iter()
            .filter(|size| size * columns <= MOST_PARAMETERS);
        Multi {
            texts: fit.map(|size| (size, text(size))).collect(),
        }
    }

    /// Each text, with how many rows it takes.
    #[cfg(feature = "testing")]
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, &'static str)> {
        self.texts.iter().copied()
    }

    /// Cuts the rows into pieces for which there is a text.
    pub fn split<'a, T>(&self, mut rows: &'a [T]) -> impl Iterator<Item = (&'static str, &'a [T])> {
        std::iter::from_fn(move || {
            let (size, text) = self.texts.iter().find(|(size, _)| *size <= rows.len())?;
            let (piece, rest) = rows.split_at(*size);
            rows = rest;
            Some((*text, piece))
        })
    }

    /// The smallest text that takes all of a list, which must not be empty nor longer than [`Multi::LARGEST`]; and the list,
    /// filled up by repeating its last entry.
    pub fn padded<'a, T>(&self, list: &'a [T]) -> (&'static str, impl Iterator<Item = &'a T>) {
        let mut fit = self.texts.iter().rev();
        let smallest = fit.find(|(size, _)| *size >= list.len());
        let (size, text) = smallest.unwrap_or(&self.texts[0]);
        let filled = list.iter().chain(list.last().into_iter().cycle());
        (text, filled.take(*size))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EVENT_PUT, RECEIPTS};

    #[test]
    fn rows_are_split_into_powers_of_two_in_order() {
        let rows: Vec<usize> = (0..300).collect();
        let pieces: Vec<_> = EVENT_PUT.split(&rows).collect();
        assert_eq!(
            pieces
                .iter()
                .map(|(_, piece)| piece.len())
                .collect::<Vec<_>>(),
            [64, 64, 64, 64, 32, 8, 4]
        );
        assert_eq!(
            pieces
                .iter()
                .flat_map(|(_, piece)| piece.iter().copied())
                .collect::<Vec<_>>(),
            rows
        );
        assert_eq!(
            pieces[6].0.matches('(').count(),
            5,
            "the columns and four rows"
        );
        assert_eq!(EVENT_PUT.split::<u8>(&[]).count(), 0);
    }

    #[test]
    fn a_list_is_filled_up_by_repeating_its_last_entry() {
        let (sql, list) = RECEIPTS.padded(&["a", "b", "c"]);
        assert!(sql.ends_with("key IN ($1, $2, $3, $4)"), "{sql}");
        assert_eq!(list.copied().collect::<Vec<_>>(), ["a", "b", "c", "c"]);
    }
}
