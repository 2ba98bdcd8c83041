use proptest::{collection::vec, prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::Value;
use testkit::To;

use super::{
    Age, Fleet, hear,
    sample::{Sample, Tree},
};

const PAYLOADS: usize = 1_000;

/// Arguments: nested, with any text, numbers that fit no machine type, and bytes in places.
fn any_sample() -> impl Strategy<Value = Sample> {
    let scalar = prop_oneof![
        prop_oneof![
            Just("null"),
            Just("true"),
            Just("false"),
            Just("0"),
            Just("1180591620717411303424"),
            Just("-123456789012345678901234567890"),
            Just("1.0"),
            Just("-0.0"),
            Just("1e+22"),
            Just("0.1"),
            Just(r#""""#),
            Just(r#""\ud83d\ude00 \u0000 \/ \ud800""#),
        ]
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no infinity", |number| number.is_finite())
            .prop_map(|number| Value::from(number).to_string()),
        any::<String>().prop_map(|text| Value::from(text).to_string()),
    ]
    .prop_map(Tree::Scalar);
    let leaf = prop_oneof![
        9 => scalar,
        1 => vec(any::<u8>(), 0..50).prop_map(Tree::Bytes),
    ];
    let tree = leaf.prop_recursive(4, 30, 6, |inner| {
        let field = (any::<String>(), inner.clone());
        prop_oneof![
            vec(inner, 0..6).prop_map(Tree::List),
            vec(field, 0..6).prop_map(|mut fields| {
                let mut seen = std::collections::HashSet::new();
                fields.retain(|(key, _)| seen.insert(key.clone()));
                Tree::Object(fields)
            }),
        ]
    });
    vec(tree, 0..4).prop_map(Sample)
}

#[tokio::test]
async fn payloads_of_any_worker_arrive_equal_on_all() {
    let fleet = Fleet::start(Age::New).await;
    let mut clients = fleet.clients().await;
    let mut runner = TestRunner::deterministic();
    for number in 0..PAYLOADS {
        let sample = any_sample().new_tree(&mut runner).unwrap().current();
        let emitter = number % 4;
        let shown = format!("payload {number} of worker {emitter}: {sample:?}");
        eprintln!("{shown}");
        fleet.emit(emitter, "any", &sample, To::room("both")).await;
        let mut texts = Vec::new();
        for (worker, client) in clients.iter_mut().enumerate() {
            eprintln!("client of worker {worker}");
            let heard = hear(client).await;
            let expected = ("any", sample.heard());
            assert_eq!(
                (&*heard.name, heard.args),
                expected,
                "worker {worker}, {shown}"
            );
            texts.push(heard.text);
        }
        assert_eq!(texts[2], texts[3], "{shown}");
    }
}
