//! Several errors of one macro call, reported so that one compilation shows them all.

use proc_macro2::TokenStream;
use syn::{Error, Result};

/// Both values, or the errors of both.
pub(crate) fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut error), Err(other)) => {
            error.combine(other);
            Err(error)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

/// All values, or all errors.
pub(crate) fn all<T>(results: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut values = Ok(Vec::new());
    for result in results {
        values = both(values, result).map(|(mut values, value)| {
            values.push(value);
            values
        });
    }
    values
}

/// What a derive hands to the compiler.
pub(crate) fn into_tokens(expansion: Result<TokenStream>) -> TokenStream {
    expansion.unwrap_or_else(Error::into_compile_error)
}

/// What an attribute hands to the compiler: after an error the user's item stays, or every use of it would be an error too.
pub(crate) fn beside(
    expansion: Result<TokenStream>,
    item: impl FnOnce() -> TokenStream,
) -> TokenStream {
    expansion.unwrap_or_else(|error| {
        let mut tokens = item();
        tokens.extend(error.into_compile_error());
        tokens
    })
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    #[test]
    fn no_error_is_lost() {
        let results = ["a", "", "b", ""].map(|message| match message {
            "" => Ok(1),
            _ => Err(Error::new(Span::call_site(), message)),
        });
        let errors = all(results).expect_err("two errors").into_iter();
        assert_eq!(
            errors.map(|e| e.to_string()).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(all([Ok(1), Ok(2)]).expect("no error"), [1, 2]);
    }
}
