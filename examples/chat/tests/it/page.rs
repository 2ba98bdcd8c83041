//! What a person sees: two browsers.

use std::path::Path;

use super::chat;

#[tokio::test]
async fn two_people_chat_in_browsers() {
    let server = chat().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page.mjs");
    let output = testkit::run_node(&script, &[], &[("CHAT_URL", server.url())]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        said.lines().filter(|line| line.starts_with("ok ")).count() >= 10,
        "{said}"
    );
}
