//! `rec`: one file with what was intended and how it ended.
//!
//! The server writes all 4096 bytes before the attempt, the intent in the first half; the supervisor
//! overwrites the second half with the result. No new block is needed by then: a full disk cannot lose
//! the result. Neither half is synced before there is need for it (see [`super::Folder`] and [`sync`]). Each
//! half carries its length and checksum, so that a torn write is no result rather than a wrong one.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Ending, Outcome, proc};

const HALF: usize = 2048;
const HEADER: usize = 8;

/// Marks the folder as that of one attempt, made in one boot.
#[derive(Serialize, Deserialize)]
struct Intent {
    id: String,
    boot: String,
}

/// Makes the record. Fails if there is one already.
pub fn create(dir: &Path, id: &str) -> io::Result<File> {
    let intent = Intent {
        id: id.to_owned(),
        boot: proc::boot_id()?.to_owned(),
    };
    let mut whole = seal(&serde_json::to_vec(&intent)?)?;
    whole.resize(2 * HALF, 0);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(dir.join("rec"))?;
    file.write_all(&whole)?;
    Ok(file)
}

/// Whether the attempt was meant to run before the machine was last started. What it left besides the
/// record may not have reached the disk then.
pub fn is_of_an_earlier_boot(dir: &Path) -> io::Result<bool> {
    let Some(file) = find(dir)? else {
        return Ok(false);
    };
    Ok(match unseal::<Intent>(&file, 0)? {
        Some(intent) => intent.boot != proc::boot_id()?,
        None => false,
    })
}

/// For all who read it from now on, but for a power failure: [`sync`].
pub fn write_result(file: &File, outcome: &Outcome) -> io::Result<()> {
    let mut outcome = outcome.clone();
    let mut sealed = seal(&serde_json::to_vec(&outcome)?);
    // Only a sentence can be too long; its beginning says what matters.
    while let (Err(_), Ending::CouldNotStart(sentence)) = (&sealed, &mut outcome.ending) {
        let shorter = sentence.floor_char_boundary(sentence.len() / 2);
        sentence.truncate(shorter);
        sentence.push('…');
        sealed = seal(&serde_json::to_vec(&outcome)?);
    }
    file.write_all_at(&sealed?, HALF as u64)
}

/// Puts the result on the disk.
pub fn sync(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// `None` if nothing has ended here (yet).
pub fn read_result(dir: &Path) -> io::Result<Option<Outcome>> {
    match find(dir)? {
        Some(file) => unseal(&file, HALF as u64),
        None => Ok(None),
    }
}

fn find(dir: &Path) -> io::Result<Option<File>> {
    match File::open(dir.join("rec")) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One half: length, checksum, content, zeroes.
fn seal(content: &[u8]) -> io::Result<Vec<u8>> {
    if content.len() > HALF - HEADER {
        return Err(io::Error::other("too long for the record file"));
    }
    let mut half = Vec::with_capacity(HALF);
    half.extend((content.len() as u32).to_le_bytes());
    half.extend(crc32(content).to_le_bytes());
    half.extend(content);
    half.resize(HALF, 0);
    Ok(half)
}

fn unseal<T: DeserializeOwned>(file: &File, at: u64) -> io::Result<Option<T>> {
    let mut half = [0; HALF];
    match file.read_exact_at(&mut half, at) {
        Ok(()) => Ok(content(&half).and_then(|content| serde_json::from_slice(content).ok())),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn content(half: &[u8]) -> Option<&[u8]> {
    let (length, rest) = half.split_first_chunk()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let content = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (!content.is_empty() && crc32(content) == u32::from_le_bytes(*checksum)).then_some(content)
}

/// CRC-32 as in zip and Ethernet, bit by bit: two kilobytes need no table.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(ending: Ending) -> Outcome {
        Outcome {
            ending,
            command: 2,
            started_at: 1,
            ended_at: 2,
            output_bytes: 3,
            dropped_bytes: 4,
            sha256: "5".repeat(64),
        }
    }

    fn recorded() -> (tempfile::TempDir, File) {
        let dir = tempfile::tempdir().unwrap();
        let file = create(dir.path(), "a").unwrap();
        (dir, file)
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_result_is_read_back_and_fits_the_block_reserved_for_it() {
        let (dir, file) = recorded();
        assert_eq!(read_result(dir.path()).unwrap(), None);
        write_result(&file, &outcome(Ending::Exited(3))).unwrap();
        assert_eq!(
            read_result(dir.path()).unwrap(),
            Some(outcome(Ending::Exited(3)))
        );
        assert_eq!(file.metadata().unwrap().len(), 4096);
    }

    #[test]
    fn a_result_from_before_there_were_checksums_is_still_read() {
        let (dir, file) = recorded();
        let old =
            br#"{"ending":{"exited":0},"command":2,"started_at":1,"ended_at":2,"output_bytes":3}"#;
        file.write_all_at(&seal(old).unwrap(), HALF as u64).unwrap();
        let expected = Outcome {
            dropped_bytes: 0,
            sha256: String::new(),
            ..outcome(Ending::Exited(0))
        };
        assert_eq!(read_result(dir.path()).unwrap(), Some(expected));
    }

    #[test]
    fn a_torn_result_is_no_result() {
        let (dir, file) = recorded();
        write_result(&file, &outcome(Ending::TimedOut)).unwrap();
        file.write_all_at(b"\0", HALF as u64 + 20).unwrap();
        assert_eq!(read_result(dir.path()).unwrap(), None);
    }

    #[test]
    fn an_endless_sentence_is_cut_short_rather_than_lost() {
        let (dir, file) = recorded();
        write_result(
            &file,
            &outcome(Ending::CouldNotStart("é\u{1}".repeat(5000))),
        )
        .unwrap();
        match read_result(dir.path()).unwrap().unwrap().ending {
            Ending::CouldNotStart(sentence) => {
                assert!(sentence.starts_with("é\u{1}é") && sentence.ends_with('…'))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_of_another_boot_is_told_apart() {
        let (dir, file) = recorded();
        assert!(!is_of_an_earlier_boot(dir.path()).unwrap());
        let intent = Intent {
            id: "a".into(),
            boot: "another".into(),
        };
        file.write_all_at(&seal(&serde_json::to_vec(&intent).unwrap()).unwrap(), 0)
            .unwrap();
        assert!(is_of_an_earlier_boot(dir.path()).unwrap());
    }

    #[test]
    fn a_folder_serves_one_attempt_only() {
        let (dir, _) = recorded();
        let again = create(dir.path(), "b");
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
}
