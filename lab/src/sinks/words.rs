//! Text with the links in it found, for the page: bare addresses, and Slack's `<address|words>`.

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Words(String),
    Link { url: String, words: String },
}

pub fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = next_link(rest) {
        let (before, link) = rest.split_at(start);
        let marked = before.ends_with('<');
        let end = match marked {
            true => link.find('>').unwrap_or(link.len()),
            false => end_of(link),
        };
        let (address, after) = link.split_at(end);
        let (url, words) = match (marked, address.split_once('|')) {
            (true, Some((url, words))) => (url, words),
            _ => (address, address),
        };
        push(&mut found, before.strip_suffix('<').unwrap_or(before));
        found.push(Piece::Link {
            url: url.to_owned(),
            words: words.to_owned(),
        });
        rest = match marked {
            true => after.strip_prefix('>').unwrap_or(after),
            false => after,
        };
    }
    push(&mut found, rest);
    found
}

fn push(found: &mut Vec<Piece>, words: &str) {
    if !words.is_empty() {
        found.push(Piece::Words(words.to_owned()));
    }
}

fn next_link(text: &str) -> Option<usize> {
    let schemes = ["http://", "https://"];
    schemes.iter().filter_map(|scheme| text.find(scheme)).min()
}

/// Where a bare address ends; the point that ends a sentence is no part of it.
fn end_of(link: &str) -> usize {
    let end = link.find(|c: char| c.is_whitespace() || "<>\"'`".contains(c));
    let bare = &link[..end.unwrap_or(link.len())];
    bare.trim_end_matches(['.', ',', ';', ':', '!', '?', ')'])
        .len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_and_nothing_is_lost() {
        let link = |url: &str, words: &str| Piece::Link {
            url: url.into(),
            words: words.into(),
        };
        let words = |text: &str| Piece::Words(text.into());
        assert_eq!(
            pieces("Open http://a/x?y=1 (or <https://b|the page>)."),
            vec![
                words("Open "),
                link("http://a/x?y=1", "http://a/x?y=1"),
                words(" (or "),
                link("https://b", "the page"),
                words(")."),
            ]
        );
        assert_eq!(pieces("a < b"), vec![words("a < b")]);
    }
}
