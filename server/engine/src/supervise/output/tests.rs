use std::fs;
use std::path::Path;

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::supervise::{Ending, Outcome, record};

/// A folder, and what was written to it.
struct Scene {
    dir: TempDir,
    spool: Spool,
    whole: Vec<u8>,
}

impl Scene {
    fn new(limit: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path(), limit);
        Self {
            dir,
            spool,
            whole: Vec::new(),
        }
    }

    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.spool.append(bytes.as_ref());
        self.whole.extend_from_slice(bytes.as_ref());
    }

    fn kept(&self) -> Kept {
        Kept::open(self.dir.path()).unwrap()
    }

    fn lines(&self, first: u64, count: usize) -> Lines {
        lines::read(&self.kept(), first, count, usize::MAX).unwrap()
    }

    fn search(&self, needle: &str, from_line: u64) -> Vec<Hit> {
        search::search(&self.kept(), needle, false, from_line, usize::MAX).unwrap()
    }

    /// Reads all there is as a client does, and checks that it is what was written there.
    fn pieces(&self) -> Vec<(u64, u64)> {
        let (kept, mut at, mut pieces) = (self.kept(), 0, Vec::<(u64, u64)>::new());
        loop {
            let piece = kept.read(at, 700).unwrap();
            let next = piece.offset + piece.bytes.len() as u64;
            if piece.bytes.is_empty() {
                return pieces;
            }
            assert_eq!(
                piece.bytes,
                self.whole[piece.offset as usize..next as usize]
            );
            match pieces.last_mut() {
                Some(last) if last.1 == piece.offset => last.1 = next,
                _ => pieces.push((piece.offset, next)),
            }
            at = next;
        }
    }
}

fn numbered(lines: std::ops::Range<u32>) -> String {
    lines.map(|n| format!("line {n}\n")).collect()
}

#[test]
fn a_mark_is_read_back() {
    let mark = Mark {
        line: 7,
        offset: 1 << 40,
    };
    assert_eq!(Mark::from_bytes(mark.to_bytes()), mark);
    assert_eq!(mark.to_bytes()[..9], [7, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn nothing_is_no_error() {
    let scene = Scene::new(0);
    assert!(scene.pieces().is_empty() && scene.search("x", 0).is_empty());
    assert_eq!(
        scene.lines(5, 5),
        Lines {
            first: 5,
            ..Lines::default()
        }
    );
    let missing = Kept::open(&scene.dir.path().join("missing")).unwrap();
    assert_eq!(missing.size(), 0);
}

#[test]
fn head_and_tail_are_kept_of_too_much() {
    let mut scene = Scene::new(8 << 10);
    for n in 0..5_000 {
        scene.write(format!("line {n}\n"));
        let end = scene.whole.len() as u64;
        match scene.pieces()[..] {
            [(0, all)] => assert_eq!(all, end),
            [(0, head), (tail, last)] => {
                assert_eq!((head, last), (4 << 10, end));
                assert!(end - tail >= 3 << 10 || tail <= (4 << 10) + (1 << 10));
            }
            ref other => panic!("{other:?}"),
        }
    }
    let (pieces, total) = (scene.pieces(), scene.spool.total());
    assert_eq!(total.bytes, scene.whole.len() as u64);
    assert_eq!(total.dropped, pieces[1].0 - pieces[0].1);
    assert_eq!(total.sha256, hex::encode(Sha256::digest(&scene.whole)));
    let stored: u64 = fs::read_dir(scene.dir.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(stored <= 9 << 10, "{stored}");
}

#[test]
fn a_line_is_found_wherever_it_is() {
    let mut scene = Scene::new(0);
    scene.write(numbered(0..25_000));
    scene.write("no end");
    for first in [0, 1, 999, 1_000, 1_001, 24_990] {
        let lines = scene.lines(first, 2);
        assert_eq!(
            (lines.first, lines.total, lines.complete, lines.gap),
            (first, 25_001, false, None)
        );
        assert_eq!(
            lines.lines,
            [0, 1].map(|n| format!("line {}", first + n).into_bytes())
        );
    }
    assert_eq!(
        scene.lines(24_999, 10).lines,
        [b"line 24999".to_vec(), b"no end".to_vec()]
    );
    assert!(scene.lines(25_001, 1).lines.is_empty());
    let few = lines::read(&scene.kept(), 10, 1_000, 17).unwrap();
    assert_eq!(
        few.lines,
        ["line 10", "line 11", "line 12"].map(|line| line.as_bytes().to_vec())
    );
}

#[test]
fn lines_go_on_after_a_gap_under_their_own_numbers() {
    let mut scene = Scene::new(8 << 10);
    scene.write(numbered(0..5_000));
    let head = scene.lines(0, usize::MAX);
    let Some((from, to)) = head.gap else {
        panic!("no gap")
    };
    assert_eq!((head.lines.len() as u64, head.total), (from, 5_000));
    assert_eq!(head.cut, [from - 1], "the last one of the head");
    for asked in [from, from + 7, to] {
        let tail = scene.lines(asked, usize::MAX);
        assert_eq!(
            (tail.first, tail.gap, &tail.cut),
            (to, Some((from, to)), &vec![to])
        );
        assert_eq!(tail.first + tail.lines.len() as u64, 5_000);
        for (n, line) in tail.lines.iter().enumerate().skip(1) {
            assert_eq!(*line, format!("line {}", to + n as u64).into_bytes());
        }
    }
}

#[test]
fn a_line_longer_than_everything_is_one_line() {
    let mut scene = Scene::new(2 << 20);
    scene.write("first\n");
    for _ in 0..100 {
        scene.write([0; 50_000]);
    }
    scene.write("\nlast\n");
    let lines = scene.lines(0, 10);
    assert_eq!((lines.total, lines.first, lines.gap), (3, 0, Some((2, 2))));
    assert_eq!(lines.lines, [b"first".to_vec(), vec![0; LONGEST_LINE]]);
    assert_eq!(lines.cut, [1]);
    assert_eq!(scene.lines(2, 10).lines, [b"last"]);
    assert_eq!(
        scene.search("last", 0),
        [Hit {
            line: 2,
            offset: 5_000_007
        }]
    );
}

#[test]
fn a_disk_that_is_full_for_a_while_costs_only_that_while() {
    let mut scene = Scene::new(64 << 10);
    // Takes nothing, ever.
    std::os::unix::fs::symlink("/dev/full", scene.dir.path().join("out")).unwrap();
    scene.write("lost\nlo");
    scene.write("st\nkept\nke");
    assert_eq!(scene.pieces(), [(7, 17)]);
    // No files can be made at all.
    scene.spool.append(b"");
    let elsewhere = scene.dir.path().with_extension("away");
    let close = |spool: &mut Spool| spool.append(&[b'x'; 8 << 10]);
    close(&mut scene.spool);
    scene.whole.extend([b'x'; 8 << 10]);
    fs::rename(scene.dir.path(), &elsewhere).unwrap();
    scene.write(numbered(0..2_000));
    fs::rename(&elsewhere, scene.dir.path()).unwrap();
    scene.write("\nback\n");
    let total = scene.spool.total();
    assert_eq!(total.bytes, scene.whole.len() as u64);
    let kept: u64 = scene.pieces().iter().map(|(from, to)| to - from).sum();
    assert_eq!(total.dropped, total.bytes - kept);
    assert_eq!(total.sha256, hex::encode(Sha256::digest(&scene.whole)));
    let last = scene.lines(2_000, 100);
    assert_eq!(last.lines.last().unwrap(), b"back");
    let newlines = scene.whole.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(last.total, newlines as u64);
}

#[test]
fn an_output_without_an_index_is_read_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("out"), numbered(0..3_000)).unwrap();
    let kept = Kept::open(dir.path()).unwrap();
    let lines = lines::read(&kept, 2_500, 1, usize::MAX).unwrap();
    assert_eq!(
        (lines.total, &lines.lines[..]),
        (3_000, &[b"line 2500".to_vec()][..])
    );
    assert_eq!(
        search::search(&kept, "LINE 2999", true, 0, 1).unwrap()[0].line,
        2_999
    );
}

#[test]
fn every_line_with_the_text_is_one_hit() {
    let mut scene = Scene::new(0);
    scene.write("needle needle\nhay\nneedle\n");
    scene.write("h".repeat((256 << 10) - 3));
    scene.write("needle\nNeedle\n");
    let line_3 = scene.whole.len() as u64 - 14;
    let at = |line, offset| Hit { line, offset };
    assert_eq!(
        scene.search("needle", 0),
        [at(0, 0), at(2, 18), at(3, line_3)]
    );
    assert_eq!(scene.search("needle", 1), [at(2, 18), at(3, line_3)]);
    assert_eq!(scene.search("needle", 5), []);
    let any_case = search::search(&scene.kept(), "NEEDLE", true, 3, 9).unwrap();
    assert_eq!(any_case, [at(3, line_3), at(4, line_3 + 7)]);
    assert_eq!(
        search::search(&scene.kept(), "needle", false, 0, 2)
            .unwrap()
            .len(),
        2
    );
    assert_eq!(scene.search("", 0), []);
}

#[tokio::test]
async fn what_is_asked_from_outside_is_the_same() {
    let mut scene = Scene::new(8 << 10);
    scene.write(numbered(0..5_000));
    let dir: &Path = scene.dir.path();
    let total = scene.whole.len() as u64;
    assert_eq!(output_size(dir).await.unwrap(), total);
    let gap = scene.pieces();
    assert_eq!(
        read_output(dir, gap[0].1, 10).await.unwrap().offset,
        gap[1].0
    );
    let end = read_output(dir, total, 10).await.unwrap();
    assert_eq!(
        end,
        Piece {
            offset: total,
            bytes: vec![]
        }
    );
    assert_eq!(
        read_lines(dir, 4_999, 1, 1).await.unwrap().lines,
        [b"line 4999"]
    );
    assert_eq!(
        search(dir, "ine 4999", false, 0, 9).await.unwrap()[0].line,
        4_999
    );
}

#[tokio::test]
async fn what_was_dropped_last_is_counted_too() {
    let mut scene = Scene::new(0);
    scene.write("kept\n");
    let dir = scene.dir.path();
    let record = record::create(dir, "a").unwrap();
    let before = read_lines(dir, 0, 9, 9).await.unwrap();
    let outcome = Outcome {
        ending: Ending::Exited(0),
        command: 0,
        started_at: 0,
        ended_at: 0,
        output_bytes: 100,
        dropped_bytes: 95,
        sha256: String::new(),
    };
    record::write_result(&record, &outcome).unwrap();
    let after = read_lines(dir, 0, 9, 9).await.unwrap();
    assert_eq!((before.complete, after.complete), (false, true));
    assert_eq!(output_size(dir).await.unwrap(), 100);
    let end = read_output(dir, 5, 9).await.unwrap();
    assert_eq!((end.offset, end.bytes.len()), (100, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_that_is_kept_is_the_one_that_was_written(
        chunks in prop::collection::vec((0..3usize, 1..3_000usize), 1..20),
        limit in 4096..40_000u64,
        ask in any::<prop::sample::Index>(),
    ) {
        let mut scene = Scene::new(limit);
        for (kind, length) in chunks {
            match kind {
                0 => scene.write(vec![b'\n'; length]),
                1 => scene.write(vec![b'x'; length]),
                _ => scene.write(numbered(0..length as u32 / 10)),
            }
        }
        let mut all: Vec<&[u8]> = scene.whole.split(|&byte| byte == b'\n').collect();
        if all.last().is_some_and(|last| last.is_empty()) {
            all.pop();
        }
        let first = ask.index(all.len().max(1)) as u64;
        let lines = scene.lines(first, usize::MAX);
        prop_assert!(lines.first >= first || lines.lines.is_empty());
        if scene.pieces().len() < 2 {
            prop_assert_eq!((lines.first, lines.total), (first, all.len() as u64));
            prop_assert_eq!(lines.first + lines.lines.len() as u64, lines.total);
        }
        for (n, line) in lines.lines.iter().enumerate() {
            let number = lines.first + n as u64;
            let whole = all[number as usize];
            if lines.cut.contains(&number) {
                prop_assert!(whole.starts_with(line) || whole.ends_with(line));
            } else {
                prop_assert_eq!(&line[..], whole);
            }
        }
        for hit in scene.search("line 7", first) {
            prop_assert!(hit.line >= first && all[hit.line as usize].starts_with(b"line 7"));
            prop_assert!(scene.whole[hit.offset as usize..].starts_with(b"line 7"));
        }
    }
}
