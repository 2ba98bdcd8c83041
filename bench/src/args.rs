//! Command line options of the form `--name value` and `--flag`.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::{Error, Result};

/// The options that were given, and what follows a lone `--`.
#[derive(Debug, Default)]
pub struct Args {
    values: BTreeMap<String, String>,
    rest: Vec<String>,
}

impl Args {
    /// Sorts `args` into `options`, which take a value, and `flags`, which take none.
    pub fn parse(
        args: impl IntoIterator<Item = String>,
        options: &[&str],
        flags: &[&str],
    ) -> Result<Self> {
        let mut parsed = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                parsed.rest = args.collect();
                break;
            }
            let value = match arg.strip_prefix("--") {
                Some(name) if flags.contains(&name) => String::new(),
                Some(name) if options.contains(&name) => args
                    .next()
                    .ok_or_else(|| Error::Option(format!("{arg} needs a value")))?,
                _ => return Err(Error::Option(format!("{arg} is unknown"))),
            };
            parsed.values.insert(arg[2..].to_owned(), value);
        }
        Ok(parsed)
    }

    /// Whether the flag was given.
    pub fn flag(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The option's value, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The option's value as a number no greater than `most`, or `default`.
    pub fn number<T>(&self, name: &str, default: T, most: T) -> Result<T>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        match text.parse::<T>() {
            Ok(number) if number <= most => Ok(number),
            _ => Err(Error::Option(format!(
                "--{name} takes a number up to {most}, not {text:?}"
            ))),
        }
    }

    /// What followed `--`.
    pub fn rest(&self) -> &[String] {
        &self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args> {
        let words = line.split_whitespace().map(str::to_owned);
        Args::parse(words, &["clients", "url"], &["json"])
    }

    #[test]
    fn options_flags_and_the_rest_are_told_apart() {
        let args = parse("--clients 7 --json -- --clients 8").unwrap();
        assert_eq!(args.number("clients", 1, 10).unwrap(), 7);
        assert!(args.flag("json"));
        assert_eq!(args.text("url"), None);
        assert_eq!(args.rest(), ["--clients", "8"]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (line, message) in [
            ("--client 7", "option --client is unknown"),
            ("--url", "option --url needs a value"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), message);
        }
        let error = parse("--clients 70").unwrap().number("clients", 1, 10);
        assert_eq!(
            error.unwrap_err().to_string(),
            "option --clients takes a number up to 10, not \"70\""
        );
    }
}
