use super::*;
use std::fs;
use tempfile::TempDir;

/// A folder with the output of an attempt, as the supervisor leaves it: the head, and a tail after a gap.
fn scene(head: &[u8], tail: Option<(u64, u64, &[u8])>) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("out"), head).expect("written");
    if let Some((offset, line, bytes)) = tail {
        fs::write(dir.path().join(format!("tail-{offset}-{line}")), bytes).expect("written");
    }
    dir
}

fn numbered(lines: std::ops::Range<u32>) -> Vec<u8> {
    lines
        .flat_map(|n| format!("line {n}\n").into_bytes())
        .collect()
}

fn told(window: &Window) -> Vec<String> {
    let text = |said: &Said| said.runs.iter().map(|(_, text)| text.as_str()).collect();
    window.lines.iter().map(text).collect()
}

async fn look(dir: &TempDir, from: u64, count: usize) -> Window {
    window(dir.path(), from, count, "").await.expect("readable")
}

#[tokio::test]
async fn any_line_is_found_by_its_number() {
    let dir = scene(&numbered(0..5_000), None);
    let window = look(&dir, 4_321, 2).await;
    assert_eq!(
        (window.at, window.first, window.total),
        (4_321, 4_321, 5_000)
    );
    assert_eq!(told(&window), ["line 4321", "line 4322"]);
    assert_eq!(window.lines[0].number, Some(4_322), "people count from 1");
    assert!(look(&dir, 9_999, 5).await.lines.is_empty());
}

#[tokio::test]
async fn what_is_not_kept_is_one_row() {
    let dir = scene(b"a\nb\n", Some((1_200_000_004, 10_002, b"y\nz\n")));
    let all = look(&dir, 0, 50).await;
    let gap = "… 10,000 lines, 1.2 GB, not kept …";
    assert_eq!(told(&all), ["a", "b", gap, "… y", "z"]);
    assert_eq!((all.total, all.lost, all.found), (10_004, 2, 10_002));
    assert_eq!(
        (all.lines[2].number, all.lines[3].number),
        (None, Some(10_003))
    );
    for (from, at, expected) in [
        (1, 1, "b"),
        (2, 2, gap),
        (5_000, 2, gap),
        (10_002, 3, "… y"),
        (10_003, 4, "z"),
    ] {
        let window = look(&dir, from, 1).await;
        assert_eq!(
            (window.at, told(&window)),
            (at, vec![expected.to_owned()]),
            "from {from}"
        );
    }
}

#[tokio::test]
async fn a_gap_within_a_line_is_a_row_too() {
    let dir = scene(b"a\nbeg", Some((1_000, 1, b"end\nz\n")));
    let all = look(&dir, 0, 50).await;
    assert_eq!(told(&all)[..2], ["a", "beg … cut here"]);
    assert!(told(&all)[2].contains("not kept"));
    assert_eq!(told(&all).last().map(String::as_str), Some("z"));
    let last = look(&dir, all.total - 1, 5).await;
    assert_eq!((last.at + 1) as usize, all.lines.len());
    assert_eq!(told(&last), ["z"]);
}

#[tokio::test]
async fn a_colour_from_above_goes_on() {
    let dir = scene(b"\x1b[31mred\nstill red\nand on\n", None);
    let window = look(&dir, 2, 1).await;
    assert_eq!(
        window.lines[0].runs,
        [("t-red".to_owned(), "and on".to_owned())]
    );
}

#[tokio::test]
async fn a_line_without_end_is_cut_and_says_so() {
    let dir = scene(&[b'x'; 12_345], None);
    let window = look(&dir, 0, 1).await;
    let [(_, shown), (class, more)] = &window.lines[0].runs[..] else {
        panic!("{:?}", window.lines[0].runs)
    };
    assert_eq!(
        (shown.len(), class.as_str(), more.as_str()),
        (10_000, "t-gap", " … 2345 more characters")
    );
    let dir = scene(&"é".repeat(100_000).into_bytes(), None);
    let window = look(&dir, 0, 1).await;
    assert!(
        told(&window)[0].ends_with("… more than 27768 more characters"),
        "{}",
        &told(&window)[0][10_000..]
    );
}

#[tokio::test]
async fn an_answer_is_bounded_but_fills_a_screen() {
    let long = [vec![b'x'; 9_999], vec![b'\n']].concat().repeat(1_000);
    let dir = scene(&long, None);
    let window = look(&dir, 0, 1_000).await;
    assert_eq!(window.lines.len(), SCREEN);
}

#[tokio::test]
async fn a_search_finds_what_is_shown_and_marks_it() {
    let dir = scene(
        b"zero\n\x1b[31mError\x1b[0m: 31\nover\rgone error\nfine\nErr\x1b[1mor\n",
        None,
    );
    let found = find(dir.path(), "error", 0).await.expect("readable");
    assert_eq!((found.hits, found.more), (vec![1, 2], false));
    assert_eq!(
        find(dir.path(), "31m", 0).await.expect("readable").hits,
        [] as [u64; 0]
    );
    assert_eq!(
        find(dir.path(), "over", 0).await.expect("readable").hits,
        [] as [u64; 0]
    );
    let window = window(dir.path(), 1, 9, "ERROR").await.expect("readable");
    let class = |line: usize| -> Vec<&str> {
        window.lines[line]
            .runs
            .iter()
            .map(|(class, _)| class.as_str())
            .collect()
    };
    assert_eq!(class(0), ["t-red t-hit", ""]);
    assert_eq!(class(1), ["", "t-hit"]);
    assert_eq!(
        class(3),
        ["t-hit", "t-bold t-hit"],
        "where the colour changes on the way, too"
    );
}

#[tokio::test]
async fn a_search_goes_on_after_its_most() {
    let dir = scene(&numbered(0..2_500), None);
    let first = find(dir.path(), "line", 0).await.expect("readable");
    assert_eq!((first.hits.len(), first.more), (MOST_HITS, true));
    let last = find(dir.path(), "line", 2_000).await.expect("readable");
    assert_eq!((last.hits.len(), last.more), (500, false));
}

#[test]
fn a_plain_line_travels_as_its_text() {
    let line = |runs: &[(&str, &str)]| Said {
        number: Some(1),
        runs: runs
            .iter()
            .map(|(c, t)| ((*c).to_owned(), (*t).to_owned()))
            .collect(),
    };
    let window = Window {
        lines: vec![
            line(&[]),
            line(&[("", "plain")]),
            line(&[("", "a"), ("t-red", "b")]),
        ],
        ..Window::default()
    };
    let json = serde_json::to_value(&window).expect("JSON");
    assert_eq!(
        json["lines"],
        serde_json::json!(["", "plain", ["", "a", "t-red", "b"]])
    );
}
