//! Statements over many rows.

/// One statement over many rows: its text for 128, 64, … 1 rows. Few sizes keep the engines' statement caches warm; that
/// the texts are leaked (once each) makes them `&'static str`, which sqlx asks for.
pub struct Multi {
    texts: [&'static str; SIZES.len()],
}

const SIZES: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];

impl Multi {
    pub const LARGEST: usize = SIZES[0];

    /// `before ($first, …), (…) after`, with `columns` parameters per row; one column makes a plain list. (A list written as
    /// `VALUES` would do too, but makes PostgreSQL read the whole table.)
    pub(super) fn new(before: &str, first: usize, columns: usize, after: &str) -> Multi {
        let row = |r: usize| {
            let parameters: Vec<_> = (0..columns)
                .map(|c| format!("${}", first + r * columns + c))
                .collect();
            match columns {
                1 => parameters.concat(),
                _ => format!("({})", parameters.join(", ")),
            }
        };
        Multi {
            texts: SIZES.map(|size| {
                let rows: Vec<_> = (0..size).map(row).collect();
                &*format!("{before}{}{after}", rows.join(", ")).leak()
            }),
        }
    }

    /// Each text, with how many rows it takes.
    #[cfg(feature = "testing")]
    pub(super) fn texts(&self) -> impl Iterator<Item = (usize, &'static str)> {
        SIZES.into_iter().zip(self.texts)
    }

    /// Cuts the rows into pieces for which there is a text.
    pub fn split<'a, T>(&self, mut rows: &'a [T]) -> impl Iterator<Item = (&'static str, &'a [T])> {
        std::iter::from_fn(move || {
            let at = SIZES.iter().position(|&size| size <= rows.len())?;
            let (piece, rest) = rows.split_at(SIZES[at]);
            rows = rest;
            Some((self.texts[at], piece))
        })
    }

    /// The smallest text that takes all of a list, which must not be empty nor longer than [`Multi::LARGEST`]; and the list,
    /// filled up by repeating its last entry.
    pub fn padded<'a, T>(&self, list: &'a [T]) -> (&'static str, impl Iterator<Item = &'a T>) {
        let at = SIZES
            .iter()
            .rposition(|&size| size >= list.len())
            .unwrap_or(0);
        (
            self.texts[at],
            list.iter()
                .chain(list.last().into_iter().cycle())
                .take(SIZES[at]),
        )
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
        assert_eq!(EVENT_PUT.split::<u8>(&[]).count(), 0);
    }

    #[test]
    fn a_list_is_filled_up_by_repeating_its_last_entry() {
        let (sql, list) = RECEIPTS.padded(&["a", "b", "c"]);
        assert!(sql.ends_with("key IN ($1, $2, $3, $4)"), "{sql}");
        assert_eq!(list.copied().collect::<Vec<_>>(), ["a", "b", "c", "c"]);
    }
}
