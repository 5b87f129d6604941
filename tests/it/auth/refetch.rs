//! The times at which an issuer's keys may be fetched again.

use roomcast::auth::Refetch;

use super::fixtures::NOW;

#[test]
fn unknown_kids_cause_at_most_one_fetch_a_minute() {
    let mut refetch = Refetch::default();
    refetch.start(NOW);
    refetch.succeeded(NOW);
    // Unauthenticated clients try one `kid` per second for an hour.
    let mut fetches = 0;
    for second in 1..=3_600 {
        let now = NOW.plus(second * 1_000);
        if refetch.may_fetch(now) {
            refetch.start(now);
            assert!(!refetch.may_fetch(now), "another request at the same instant");
            fetches += 1;
        }
    }
    assert_eq!(fetches, 60);
}

#[test]
fn before_first_keys_one_request_fetches_and_others_wait() {
    let mut refetch = Refetch::default();
    assert!(refetch.should_fetch(NOW) && refetch.may_fetch(NOW) && !refetch.has_keys());
    assert!(refetch.should_wait(NOW) && !refetch.is_fetching(NOW));
    refetch.start(NOW);
    assert!(!refetch.may_fetch(NOW), "a second request during the first fetch");
    assert!(refetch.should_wait(NOW) && refetch.is_fetching(NOW));
    let now = NOW.plus(100);
    refetch.succeeded(now);
    assert!(refetch.has_keys() && !refetch.should_fetch(now));
    assert!(!refetch.should_wait(now) && !refetch.is_fetching(now));
}

#[test]
fn request_with_clock_behind_uses_keys_already_fetched() {
    let mut refetch = Refetch::default();
    refetch.start(NOW);
    refetch.succeeded(NOW.plus(400));
    assert!(!refetch.should_fetch(NOW) && !refetch.should_wait(NOW));
}

#[test]
fn fetch_without_result_is_retried_after_five_seconds() {
    let mut refetch = Refetch::default();
    refetch.start(NOW);
    assert!(refetch.is_fetching(NOW.plus(4_999)));
    assert!(!refetch.is_fetching(NOW.plus(5_000)));
    assert!(refetch.should_fetch(NOW.plus(5_000)));
    refetch.start(NOW.plus(5_000));
    refetch.failed(NOW.plus(5_001));
    assert!(!refetch.is_fetching(NOW.plus(5_001)));
}

#[test]
fn unknown_kid_waits_for_fetch_in_progress() {
    let mut refetch = Refetch::default();
    refetch.succeeded(NOW);
    let later = NOW.plus(60_000);
    refetch.start(later);
    assert!(!refetch.may_fetch(later) && refetch.should_wait(later));
    assert!(!refetch.should_fetch(later), "a known kid does not wait");
}

#[test]
fn without_keys_failed_fetch_is_retried_every_second() {
    let mut refetch = Refetch::default();
    refetch.start(NOW);
    refetch.failed(NOW);
    assert!(!refetch.may_fetch(NOW.plus(999)) && !refetch.should_fetch(NOW.plus(999)));
    assert!(refetch.may_fetch(NOW.plus(1_000)) && refetch.should_fetch(NOW.plus(1_000)));
}

#[test]
fn with_keys_failed_fetch_is_retried_every_minute() {
    let mut refetch = Refetch::default();
    refetch.succeeded(NOW);
    let later = NOW.plus(3_600_000);
    refetch.start(later);
    refetch.failed(later.plus(30_000));
    assert!(refetch.has_keys(), "the old keys stay");
    assert!(!refetch.may_fetch(later.plus(89_999)));
    assert!(refetch.may_fetch(later.plus(90_000)));
}

#[test]
fn keys_are_fetched_again_after_ten_minutes() {
    let mut refetch = Refetch::default();
    refetch.succeeded(NOW);
    assert!(!refetch.should_fetch(NOW.plus(599_999)));
    assert!(refetch.should_fetch(NOW.plus(600_000)));
    refetch.start(NOW.plus(600_000));
    assert!(!refetch.should_fetch(NOW.plus(600_001)), "one request fetches for all");
}

#[test]
fn clock_set_back_does_not_block_fetch() {
    let mut refetch = Refetch::default();
    refetch.succeeded(NOW.plus(3_600_000));
    assert!(refetch.may_fetch(NOW));
}
