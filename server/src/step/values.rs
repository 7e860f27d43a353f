//! What the runner handed over: parameters, outputs of earlier steps, secrets.

use super::No;
use domain::plan::Value;
use std::{collections::BTreeMap, ffi::OsString, fs::File, io::Read};

/// No secret is longer.
const MOST_READ: u64 = 1 << 20;

pub struct Values(BTreeMap<OsString, OsString>);

impl Values {
    pub fn of_environment() -> Values {
        Values(std::env::vars_os().collect())
    }

    /// A variable's own text.
    pub fn variable(&self, name: &str) -> Result<String, String> {
        match self.0.get(std::ffi::OsStr::new(name)) {
            Some(value) => value
                .clone()
                .into_string()
                .map_err(|_| format!("the environment variable {name} is not UTF-8")),
            None => Err(format!("the environment variable {name} is not set")),
        }
    }

    pub fn take(&self, value: &Value) -> Result<String, No> {
        let handed = |name: &str, what: &str, prefix: &str| {
            let missing = |says| No::Ever(format!("{what} `{name}` was not handed over: {says}"));
            self.variable(&variable(prefix, name)).map_err(missing)
        };
        match value {
            Value::Text(text) => Ok(text.clone()),
            Value::Parameter(name) => handed(name, "the parameter", "MUSTER_PARAM_"),
            Value::Output(name) => handed(name, "the output", "MUSTER_OUTPUT_"),
            Value::Secret(name) => self.secret(name),
        }
    }

    /// The secret in a variable, or in the descriptor that the variable names.
    pub fn secret(&self, name: &str) -> Result<String, No> {
        let wrong = |says| No::Ever(format!("the secret {name} was not handed over: {says}"));
        let value = self.variable(name).map_err(wrong)?;
        let number = value
            .strip_prefix("/dev/fd/")
            .filter(|n| !n.is_empty() && n.len() < 8 && n.bytes().all(|b| b.is_ascii_digit()));
        if number.is_none() {
            return Ok(value);
        }
        let mut text = String::new();
        let read = File::open(&value).and_then(|f| f.take(MOST_READ + 1).read_to_string(&mut text));
        read.map_err(|e| wrong(format!("cannot read {value}: {e}")))?;
        if text.len() as u64 > MOST_READ {
            return Err(wrong(format!("{value} holds more than 1 MiB")));
        }
        Ok(text)
    }
}

/// `MUSTER_PARAM_TARGET_TIME` for `target-time`.
pub fn variable(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", name.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Values {
    fn from(all: [(&str, &str); N]) -> Self {
        Values(all.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_from_where_the_plan_says_or_its_lack_is_told_by_name() {
        let values = Values::from([
            ("MUSTER_PARAM_TARGET_TIME", "/dev/fd/0"),
            ("MUSTER_OUTPUT_LSN", "0/1"),
            ("API_KEY", "xyzzy"),
        ]);
        let take = |value: Value| values.take(&value);
        assert_eq!(take("as it is".into()), Ok("as it is".into()));
        assert_eq!(
            take(Value::Parameter("target-time".into())),
            Ok("/dev/fd/0".into())
        );
        assert_eq!(take(Value::Output("lsn".into())), Ok("0/1".into()));
        assert_eq!(take(Value::Secret("API_KEY".into())), Ok("xyzzy".into()));
        let missing = take(Value::Parameter("no-such".into())).unwrap_err().says();
        assert!(
            missing.contains("`no-such`") && missing.contains("MUSTER_PARAM_NO_SUCH"),
            "{missing}"
        );
    }
}
