//! What the macros accept, and what they say about what they refuse.
//!
//! After a change of words, `TRYBUILD=overwrite cargo test -p fast-app --test ui` writes the expected output anew.

#[test]
fn the_macros_accept_and_refuse() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
