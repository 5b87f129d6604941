//! When the keys of an issuer may be fetched, as stories.

use roomcast::auth::Refetch;

use super::fixtures::NOW;

#[test]
fn an_unknown_kid_costs_the_issuer_a_request_a_minute_at_most() {
    let mut refetch = Refetch::default();
    refetch.begins(NOW);
    refetch.succeeded(NOW);
    // Strangers try one kid a second for an hour.
    let mut fetches = 0;
    for second in 1..=3_600 {
        let now = NOW.plus(second * 1_000);
        if refetch.may_fetch(now) {
            refetch.begins(now);
            assert!(!refetch.may_fetch(now), "another request at the same instant");
            fetches += 1;
        }
    }
    assert_eq!(fetches, 60);
}

#[test]
fn of_those_that_come_before_there_are_keys_one_fetches_and_all_wait() {
    let mut refetch = Refetch::default();
    assert!(refetch.should_fetch(NOW) && refetch.may_fetch(NOW) && !refetch.has_keys());
    assert!(refetch.is_worth_waiting(NOW) && !refetch.is_under_way(NOW));
    refetch.begins(NOW);
    assert!(!refetch.may_fetch(NOW), "a second request, while the first still fetches");
    assert!(refetch.is_worth_waiting(NOW) && refetch.is_under_way(NOW));
    let now = NOW.plus(100);
    refetch.succeeded(now);
    assert!(refetch.has_keys() && !refetch.should_fetch(now));
    assert!(!refetch.is_worth_waiting(now) && !refetch.is_under_way(now));
}

#[test]
fn a_request_whose_clock_is_a_little_behind_takes_the_keys_that_another_fetched() {
    let mut refetch = Refetch::default();
    refetch.begins(NOW);
    refetch.succeeded(NOW.plus(400));
    assert!(!refetch.should_fetch(NOW) && !refetch.is_worth_waiting(NOW));
}

#[test]
fn a_fetch_that_is_lost_is_not_awaited_for_ever() {
    let mut refetch = Refetch::default();
    refetch.begins(NOW);
    assert!(refetch.is_under_way(NOW.plus(4_999)));
    assert!(!refetch.is_under_way(NOW.plus(5_000)));
    assert!(refetch.should_fetch(NOW.plus(5_000)));
    refetch.begins(NOW.plus(5_000));
    refetch.failed(NOW.plus(5_001));
    assert!(!refetch.is_under_way(NOW.plus(5_001)));
}

#[test]
fn an_unknown_kid_waits_for_the_fetch_that_another_began() {
    let mut refetch = Refetch::default();
    refetch.succeeded(NOW);
    let later = NOW.plus(60_000);
    refetch.begins(later);
    assert!(!refetch.may_fetch(later) && refetch.is_worth_waiting(later));
    assert!(!refetch.should_fetch(later), "a known one does not");
}

#[test]
fn an_issuer_that_is_down_at_first_is_asked_every_second() {
    let mut refetch = Refetch::default();
    refetch.begins(NOW);
    refetch.failed(NOW);
    assert!(!refetch.may_fetch(NOW.plus(999)) && !refetch.should_fetch(NOW.plus(999)));
    assert!(refetch.may_fetch(NOW.plus(1_000)) && refetch.should_fetch(NOW.plus(1_000)));
}

#[test]
fn an_issuer_that_goes_down_later_is_asked_every_minute() {
    let mut refetch = Refetch::default();
    refetch.succeeded(NOW);
    let later = NOW.plus(3_600_000);
    refetch.begins(later);
    refetch.failed(later.plus(30_000));
    assert!(refetch.has_keys(), "the old keys stay");
    assert!(!refetch.may_fetch(later.plus(89_999)));
    assert!(refetch.may_fetch(later.plus(90_000)));
}

#[test]
fn a_key_that_was_withdrawn_is_forgotten_in_ten_minutes() {
    let mut refetch = Refetch::default();
    refetch.succeeded(NOW);
    assert!(!refetch.should_fetch(NOW.plus(599_999)));
    assert!(refetch.should_fetch(NOW.plus(600_000)));
    refetch.begins(NOW.plus(600_000));
    assert!(!refetch.should_fetch(NOW.plus(600_001)), "one request fetches for all");
}

#[test]
fn a_clock_that_goes_back_does_not_stop_it() {
    let mut refetch = Refetch::default();
    refetch.succeeded(NOW.plus(3_600_000));
    assert!(refetch.may_fetch(NOW));
}
