//! A change as a diff.

use similar::TextDiff;

/// The unified diff of one file; its old text is `None` when the file is new.
pub(super) fn unified(path: &str, before: Option<&str>, after: &str) -> String {
    let old = match before {
        Some(_) => format!("a/{path}"),
        None => "/dev/null".to_owned(),
    };
    let diff = TextDiff::from_lines(before.unwrap_or_default(), after);
    let text = diff
        .unified_diff()
        .context_radius(3)
        .header(&old, &format!("b/{path}"))
        .to_string();
    match text.is_empty() {
        // A new file without a line has no hunk, and would go unseen.
        true => format!("--- {old}\n+++ b/{path}\n"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_its_surroundings() {
        let diff = unified("app/lib.rs", Some("a\nb\nc\n"), "a\nb\nnew\nc\n");
        assert_eq!(
            diff,
            "--- a/app/lib.rs\n+++ b/app/lib.rs\n@@ -1,3 +1,4 @@\n a\n b\n+new\n c\n"
        );
    }

    #[test]
    fn a_new_file_has_no_old_side() {
        let diff = unified("x", None, "a\n");
        assert_eq!(diff, "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n");
        assert_eq!(unified("x", None, ""), "--- /dev/null\n+++ b/x\n");
    }
}
