//! "Did you mean" hints.

/// The candidate nearest to `name`, if it is near enough to be a slip of the finger.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Names that are longer than any state's are no slip, and their distances cost time.
    if name.len() > 400 {
        return None;
    }
    let limit = (name.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(name, candidate, limit)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of single-character edits (a swap of neighbours counts once) that ignore case, if it is at most `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_char = None;
    for (i, &from) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        let mut left_char = None;
        for (j, &to) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut cost =
                (at(&last, j) + usize::from(from != to)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if j > 0 && previous_char == Some(to) && left_char == Some(from) {
                cost = cost.min(at(&before_last, j - 1) + 1);
            }
            row.push(cost);
            left_char = Some(to);
        }
        before_last = std::mem::replace(&mut last, row);
        previous_char = Some(from);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(name, candidates.iter().copied()), expected, "{name}");
    }

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        check("ChargePaymnet", &["ReserveInventory", "ChargePayment"], Some("ChargePayment"));
        check("resultpath", &["ResultPath", "OutputPath"], Some("ResultPath"));
        check("Nxt", &["Next", "End"], Some("Next"));
        check("States.Formt", &["States.Format", "States.Hash"], Some("States.Format"));
    }

    #[test]
    fn a_name_of_its_own_finds_nothing() {
        check("Refund", &["ChargePayment", "Confirm"], None);
        check("", &["Next"], None);
    }
}
