//! Bisection over numbers. The check of a number reads a row, so the check can
//! fail.

/// Returns the first number of `from..to` for which `holds` is true, or `to` if
/// there is no such number. If `holds` is true for a number, `holds` must be
/// true for all larger numbers. Fails if a call of `holds` fails.
pub fn first_where<E>(
    from: u64,
    to: u64,
    mut holds: impl FnMut(u64) -> Result<bool, E>,
) -> Result<u64, E> {
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle)? {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_match_is_found_at_any_position() {
        for first in 3..=9 {
            assert_eq!(first_where(3, 9, |n| Ok::<_, ()>(n >= first)), Ok(first));
        }
        assert_eq!(first_where(5, 5, |_| Err(())), Ok(5));
        assert_eq!(first_where(0, 9, |_| Err("unreadable")), Err("unreadable"));
    }
}
