use std::io::Write as _;

use testkit::run_node;

use crate::reference_server;

#[tokio::test]
async fn a_script_anywhere_drives_a_browser() {
    let server = reference_server().await;
    let mut script = tempfile::Builder::new().suffix(".mjs").tempfile().unwrap();
    script
        .write_all(
            br#"
            import { launch } from "testkit/browser";
            import "socket.io-parser";
            const browser = await launch();
            const page = await browser.newPage();
            await page.goto(process.env.URL + process.argv[2]);
            console.log(await page.textContent("h1"));
            await browser.close();
            "#,
        )
        .unwrap();
    let output = run_node(script.path(), &["/page"], &[("URL", server.url())]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "testkit\n");
}
