//! What AWS's Java shows through: texts of values and seeded random numbers.

use serde_json::Value;

/// A value as Java's `toString` gives it: `{Id=7, Tags=[a, b]}`.
pub(crate) fn java_text(value: &Value) -> String {
    let mut text = String::new();
    push_java_text(&mut text, value);
    text
}

/// Appends [`java_text`].
pub(crate) fn push_java_text(text: &mut String, value: &Value) {
    match value {
        Value::String(inner) => text.push_str(inner),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                push_java_text(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(name);
                text.push('=');
                push_java_text(text, value);
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// `Math.round` without its cut to 64 bits: the nearest whole number, halves go up. Adding 0.5 first would round
/// 0.49999999999999994 up.
pub(crate) fn round_half_up(number: f64) -> f64 {
    let floor = number.floor();
    if number - floor >= 0.5 { floor + 1.0 } else { floor }
}

/// `java.util.Random`, a linear congruential generator whose algorithm Java's documentation lays down: the same seed
/// gives the same numbers everywhere. Published measurements show that AWS's JSONata function `$random` uses it.
///
/// Source: <https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/Random.html>.
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    pub(crate) fn new(seed: i64) -> Random {
        Random { state: (seed as u64 ^ Random::MULTIPLIER) & Random::MASK }
    }

    fn bits(&mut self, count: u32) -> i32 {
        self.state = self.state.wrapping_mul(Random::MULTIPLIER).wrapping_add(0xB) & Random::MASK;
        (self.state >> (48 - count)) as i32
    }

    /// `nextInt(bound)`: a number from 0 up to and without `bound`, which must be positive.
    pub(crate) fn next_int(&mut self, bound: i32) -> i32 {
        let bits = self.bits(31);
        if bound & bound.wrapping_sub(1) == 0 {
            return ((i64::from(bound) * i64::from(bits)) >> 31) as i32;
        }
        // Java draws again where the last, partial stretch of numbers would favour the small ones. That happens less
        // than every second time, so a bound on the draws never shows.
        let mut bits = bits;
        for _ in 0..1_000 {
            let value = bits % bound;
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
            bits = self.bits(31);
        }
        bits % bound
    }

    /// `nextDouble()`: a number in [0, 1).
    pub(crate) fn next_double(&mut self) -> f64 {
        let high = i64::from(self.bits(26)) << 27;
        (high + i64::from(self.bits(27))) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_as_in_java() {
        assert_eq!(
            java_text(&json!({"Id": 7, "T": ["a", {"b": null}], "f": 1.5})),
            "{Id=7, T=[a, {b=null}], f=1.5}"
        );
    }

    #[test]
    fn seeded_numbers_are_javas() {
        // The first is what AWS's `$random(42)` gives; the rest are those of Java's own documentation and of its many ports.
        assert_eq!(Random::new(42).next_double(), 0.7275636800328681);
        let mut random = Random::new(42);
        assert_eq!([0; 6].map(|_| random.next_int(10)), [0, 3, 8, 4, 0, 5]);
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        for bound in [1, 2, 3, 1 << 30, (1 << 30) + 1, i32::MAX] {
            let mut random = Random::new(-7);
            assert!(
                (0..1_000).map(|_| random.next_int(bound)).all(|number| (0..bound).contains(&number)),
                "{bound}"
            );
        }
    }
}
