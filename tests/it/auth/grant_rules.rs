//! The rights that the rules of `ROOM_GRANTS` give to a token without the claim
//! `rooms`.

use proptest::prelude::*;
use roomcast::auth::{Claims, GrantRules, Policy, TokenError, verify};
use roomcast::protocol::{Grant, Right, RoomName};
use serde_json::{Value, json};

use super::fixtures::{NOW, SHARED, keys, policy, token, without};

const RULES: &str = r#"{
    "user:{sub}": ["subscribe"],
    "org:{org_id}:*": ["subscribe", "publish", "presence"],
    "team:{teams[]}": ["publish"],
    "tenant:{app_metadata.tenant}:user:{sub}": ["admin"]
}"#;

/// Verifies a token with these claims, which is signed by the issuer.
fn check(rules: &str, claims: &str) -> Result<Claims, TokenError> {
    let policy = Policy { rules: GrantRules::parse(rules).unwrap(), ..policy() };
    verify(&token(r#"{"alg":"HS256"}"#, claims, &SHARED), &keys(), &policy, NOW)
}

/// Returns the grants of a token that has no claim `rooms`, but these claims.
fn granted(rules: &str, claims: Value, room: &str) -> Grant {
    let mut all = without("rooms");
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    check(rules, &all.to_string()).unwrap().grant(&RoomName::parse(room).unwrap())
}

fn names(grant: Grant) -> String {
    grant.iter().map(Right::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn rules_grant_rights_to_token_without_rooms() {
    let claims = json!({
        "org_id": "acme", "teams": ["red", "blue"], "app_metadata": { "tenant": 7 },
    });
    for (room, rights) in [
        ("user:alice", "subscribe"),
        ("user:bob", ""),
        ("user:alice:inbox", ""),
        ("user", ""),
        ("org:acme:chat", "subscribe publish presence"),
        ("org:acme:chat:1", "subscribe publish presence"),
        ("org:acme", ""),
        ("org:acme2:chat", ""),
        ("org:other:chat", ""),
        ("team:red", "publish"),
        ("team:blue", "publish"),
        ("team:green", ""),
        ("team:red:1", ""),
        ("tenant:7:user:alice", "admin"),
        ("tenant:7:user:bob", ""),
        ("tenant:8:user:alice", ""),
    ] {
        assert_eq!(names(granted(RULES, claims.clone(), room)), rights, "{room}");
    }
}

#[test]
fn rights_of_several_rules_are_united() {
    let rules = r#"{"{a}:*":["subscribe"],"{b}:*":["publish"],"x:y":["admin"]}"#;
    let grant = granted(rules, json!({ "a": "x", "b": "x" }), "x:y");
    assert_eq!(names(grant), "subscribe publish admin");
}

#[test]
fn token_with_rooms_uses_only_its_rooms() {
    for rooms in [json!({}), json!({ "a": ["subscribe"] }), json!({ "not a pattern": ["admin"] })] {
        assert_eq!(granted(RULES, json!({ "rooms": rooms }), "user:alice"), Grant::NONE);
    }
    for rooms in [json!(null), json!([]), json!("user:alice")] {
        let mut claims = without("rooms");
        claims["rooms"] = rooms;
        assert_eq!(check(RULES, &claims.to_string()), Err(TokenError::Rooms));
    }
    // The claims of the rules are not read, so they may even be duplicated.
    let claims = without("rooms").to_string();
    let twice = r#","rooms":{"a":["admin"]},"org_id":"x","org_id":"y"}"#;
    let claims = check(RULES, &claims.replacen('}', twice, 1)).unwrap();
    assert_eq!(names(claims.grant(&RoomName::parse("a").unwrap())), "admin");
}

#[test]
fn without_rules_token_without_rooms_grants_nothing() {
    for room in ["user:alice", "alice", "rooms", "org:acme:chat"] {
        assert_eq!(granted("{}", json!({ "org_id": "acme" }), room), Grant::NONE);
    }
}

/// Each of these values would widen the grant if it were put into the pattern
/// unchecked.
#[test]
fn claim_never_widens_the_grant_to_another_room() {
    let rules = r#"{"org:{org}:*":["admin"],"{org}":["admin"],"user:{org}":["admin"]}"#;
    let long = "a".repeat(200);
    for org in [
        json!("*"),
        json!("acme:*"),
        json!("acme:secret"),
        json!("*:*"),
        json!(":"),
        json!("acme:"),
        json!(""),
        json!("{sub}"),
        json!("acme*"),
        json!("a,b c"),
        json!("acme\u{0}"),
        json!("acme\u{ff1a}x"),
        json!("%3A"),
        json!("acme/x"),
        json!("."),
        json!(".."),
        json!(long),
        json!(["acme"]),
        json!([["acme"]]),
        json!({ "acme": 1 }),
        json!({ "id": "acme" }),
        json!(null),
        json!(true),
        json!(1.5),
        json!(1e300),
        json!(-0.0),
        json!(1_u64 << 53),
    ] {
        for room in [
            "org:acme:chat",
            "org:acme:secret",
            "org:acme:secret:1",
            "org:x",
            "org:a:b:c",
            "acme",
            "acme:secret",
            "secret",
            "user:acme",
            "user:secret",
            "user:acme:secret",
            "true",
            "null",
            "user:true",
            "user:null",
            "user:1",
            "user:0",
            "user:9007199254740992",
        ] {
            let grant = granted(rules, json!({ "org": org }), room);
            assert_eq!(grant, Grant::NONE, "{org} in {room}");
        }
    }
}

#[test]
fn duplicate_claim_of_a_rule_is_rejected() {
    let claims = without("rooms").to_string();
    for more in [
        r#""org_id":"acme","org_id":"acme""#,
        r#""org_id":"acme","org\u005fid":"evil""#,
        r#""teams":["a"],"teams":["b"]"#,
        r#""app_metadata":{"tenant":1,"tenant":2}"#,
        r#""app_metadata":{"tenant":1},"app_metadata":{"tenant":1}"#,
    ] {
        let twice = claims.replacen('}', &format!(",{more}}}"), 1);
        assert_eq!(check(RULES, &twice), Err(TokenError::NoClaims), "{more}");
        assert!(check("{}", &twice).is_ok(), "without rules, other claims are ignored: {more}");
    }
}

/// Limits: CLAIM_ELEMENTS.
#[test]
fn only_the_first_hundred_elements_of_a_list_grant_rights() {
    let teams: Vec<usize> = (0..1_000).collect();
    let grant = |room| granted(RULES, json!({ "teams": teams }), room);
    assert_eq!(names(grant("team:99")), "publish");
    assert_eq!(grant("team:100"), Grant::NONE);
    assert_eq!(names(grant("user:alice")), "subscribe", "other rules are not affected");
}

#[test]
fn rejected_token_is_rejected_for_the_same_reason_with_rules() {
    let expired = without("rooms").to_string().replacen("1795297944", "1", 1);
    assert_eq!(check(RULES, &expired), Err(TokenError::Expired));
    assert_eq!(check(RULES, r#"{"org_id":"acme"}"#), Err(TokenError::Subject));
    assert_eq!(check(RULES, "[]"), Err(TokenError::NoClaims));
}

/// Generates claims that often fit into a pattern, and often would change its
/// shape.
fn claim() -> impl Strategy<Value = Value> {
    let text = || {
        prop_oneof![
            4 => "[ab]{1,2}",
            4 => "[ab](:[ab*]){1,2}",
            2 => "[ab:*.{}]{0,5}",
            1 => any::<String>(),
        ]
    };
    let scalar = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => (-3..3_i64).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    scalar.prop_recursive(2, 8, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            inner.prop_map(|value| json!({ "id": value })),
        ]
    })
}

/// Returns whether a room's segment is the text of this claim.
fn is_segment_of(claim: &Value, segment: &str) -> bool {
    match claim {
        Value::String(text) => text == segment,
        Value::Number(number) => number.is_i64() && number.to_string() == segment,
        _ => false,
    }
}

/// Returns the rooms whose names the claims could form if nothing checked them.
/// A `*` of a claim stands for any segment.
fn rooms_of(claims: &[&Value]) -> Vec<String> {
    let mut texts = vec!["a".to_owned()];
    let mut values = claims.to_vec();
    while let Some(value) = values.pop() {
        match value {
            Value::Array(elements) => values.extend(elements),
            Value::Object(members) => values.extend(members.values()),
            Value::String(text) => texts.push(text.replace('*', "y")),
            scalar => texts.push(scalar.to_string()),
        }
    }
    let pairs = texts.iter().flat_map(|text| texts.iter().map(move |other| (text, other)));
    let rooms = pairs.flat_map(|(text, other)| {
        [
            format!("{text}:{other}"),
            format!("x:{text}"),
            format!("x:{text}:{other}"),
            format!("a:x{text}"),
        ]
    });
    rooms.filter(|room| RoomName::parse(room).is_ok()).collect()
}

/// Computes the grant in the other direction: splits the room's name, and
/// compares its segments with the claims. No claim is put into a pattern, so no
/// claim can change the shape of a pattern.
fn granted_naive(a: &Value, b: &Value, room: &str) -> Grant {
    let segments: Vec<&str> = room.split(':').collect();
    let any_of = |list: &Value, is: &dyn Fn(&Value) -> bool| {
        list.as_array().is_some_and(|elements| elements.iter().any(is))
    };
    let rights = [
        (Right::Subscribe, matches!(segments[..], ["x", last] if is_segment_of(a, last))),
        (Right::Publish, matches!(segments[..], ["x", id, _, ..] if is_segment_of(&a["id"], id))),
        (
            Right::Presence,
            matches!(segments[..], [first, last] if is_segment_of(a, last)
                && any_of(b, &|element| is_segment_of(element, first))),
        ),
        (
            Right::Admin,
            matches!(segments[..], ["a", last] if last.strip_prefix('x').is_some_and(|id| {
                !id.is_empty() && any_of(b, &|element| is_segment_of(&element["id"], id))
            })),
        ),
    ];
    rights.into_iter().filter_map(|(right, is_granted)| is_granted.then_some(right)).collect()
}

proptest! {
    #[test]
    fn claims_grant_rights_only_in_rooms_of_the_rules_shape(a in claim(), b in claim()) {
        let rules = r#"{
            "x:{a}": ["subscribe"], "x:{a.id}:*": ["publish"], "{b[]}:{a}": ["presence"],
            "a:x{b[].id}": ["admin"]
        }"#;
        let mut claims = without("rooms");
        claims["a"] = a.clone();
        claims["b"] = b.clone();
        let accepted = check(rules, &claims.to_string()).unwrap();
        for room in rooms_of(&[&a, &b]) {
            let grant = accepted.grant(&RoomName::parse(&room).unwrap());
            prop_assert_eq!(grant, granted_naive(&a, &b, &room), "{} in {}", claims, room);
        }
    }

    #[test]
    fn arbitrary_rules_and_claims_do_not_panic(rules in any::<String>(), template in "[a:*{}.'\\[\\]]{0,12}", claims in any::<String>()) {
        let _ = GrantRules::parse(&rules);
        let json = json!({ template: ["subscribe"] }).to_string();
        if GrantRules::parse(&json).is_ok() {
            let _ = check(&json, &claims);
            prop_assert!(check(&json, &without("rooms").to_string()).is_ok());
        }
    }
}
