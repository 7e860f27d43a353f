//! From a command as the plan writes it to an argv.

use crate::supervise::CommandLine as Argv;
use domain::plan::{CommandLine, Value};
use std::path::Path;

/// `npm run NAME --flag=value` is what the document writes for Muster's own actions: it runs `muster do NAME` itself, so
/// that a recovery needs neither npm nor node. Another line goes to the shell as it stands; nothing is ever pasted into it.
/// `given` says what a word stands for that comes from the run; where it knows nothing, that word is the error.
pub fn resolve(
    command: &CommandLine,
    program: &Path,
    given: impl Fn(&Value) -> Option<String>,
) -> Result<Argv, String> {
    let word = |w: &Value| given(w).ok_or_else(|| w.display().into_owned());
    let argv = match command {
        CommandLine::Argv(argv) => argv.iter().map(word).collect::<Result<_, _>>()?,
        CommandLine::Line(line) => match own_action(line) {
            Some(words) => [program.display().to_string(), "do".into()]
                .into_iter()
                .chain(words)
                .collect(),
            None => vec!["/bin/sh".into(), "-c".into(), line.clone()],
        },
    };
    Ok(Argv {
        display: command.display(),
        argv,
    })
}

/// The words after `npm run`, where the line is nothing but one such call.
fn own_action(line: &str) -> Option<Vec<String>> {
    let rest = line.trim().strip_prefix("npm run ")?;
    let mut words = Vec::new();
    let mut chars = rest.trim().chars().peekable();
    let mut word = String::new();
    let mut quote = None;
    for c in chars.by_ref() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (' ', None) => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            // What only a shell understands is left to one.
            ('$' | '`' | '\\', Some('"'))
            | (
                '>' | '<' | '|' | '&' | ';' | '$' | '`' | '\\' | '*' | '?' | '(' | ')' | '#' | '~',
                None,
            ) => return None,
            (c, _) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    (quote.is_none() && !words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(line: &str) -> Vec<String> {
        let line = CommandLine::Line(line.into());
        resolve(&line, Path::new("/bin/muster"), |_| None)
            .unwrap()
            .argv
    }

    #[test]
    fn the_documents_commands_run_without_npm() {
        assert_eq!(
            argv("npm run db:status"),
            ["/bin/muster", "do", "db:status"]
        );
        assert_eq!(
            argv(r#"npm run alert:send --severity=1 --message="Service disruption detected""#),
            [
                "/bin/muster",
                "do",
                "alert:send",
                "--severity=1",
                "--message=Service disruption detected"
            ]
        );
    }

    #[test]
    fn what_only_a_shell_understands_goes_to_the_shell_as_it_stands() {
        for line in [
            "npm run db:corruption-scan > corruption-report.txt",
            "curl -I https://example.org",
            "npm run a && npm run b",
            "npm run x \"$HOME\"",
        ] {
            assert_eq!(argv(line), ["/bin/sh", "-c", line]);
        }
    }

    #[test]
    fn a_list_is_run_as_it_stands() {
        let list = CommandLine::Argv(vec![
            "muster-lab".into(),
            "fence".into(),
            "$(reboot)".into(),
        ]);
        let given = |word: &Value| match word {
            Value::Text(text) => Some(text.clone()),
            Value::Parameter(_) => Some("; rm -rf \"$HOME\"\n'".into()),
            _ => None,
        };
        assert_eq!(
            resolve(&list, Path::new("/bin/muster"), given)
                .unwrap()
                .argv,
            ["muster-lab", "fence", "$(reboot)"]
        );
        let given_word = CommandLine::Argv(vec!["echo".into(), Value::Parameter("x".into())]);
        assert_eq!(
            resolve(&given_word, Path::new("/bin/muster"), given)
                .unwrap()
                .argv[1],
            "; rm -rf \"$HOME\"\n'"
        );
        let missing = CommandLine::Argv(vec!["echo".into(), Value::Output("label".into())]);
        assert_eq!(
            resolve(&missing, Path::new("/bin/muster"), given)
                .err()
                .as_deref(),
            Some("<label>")
        );
    }
}
