use std::time::Duration;

use serde_json::Value;

use crate::profile::{AnswerShape, ExpiresUnit};
use crate::time::WallTime;

/// Longer lives than this are a server's mistake in units; the token is kept and looked at again then.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(366 * 24 * 3600);

/// The life that an answer states, counted from `server_now`. Some servers write a number as a string; zero or less
/// is dead on arrival; what makes no sense is read as nothing said.
pub(super) fn life(shape: &AnswerShape, body: &Value, server_now: WallTime) -> Option<Duration> {
    let value = shape.expires_in.get(body)?;
    let now = server_now.unix_millis() as f64;
    let seconds = match shape.expires_unit {
        ExpiresUnit::Seconds => number(value)?,
        ExpiresUnit::Milliseconds => number(value)? / 1000.0,
        ExpiresUnit::UnixSeconds => number(value)? - now / 1000.0,
        ExpiresUnit::UnixMilliseconds => (number(value)? - now) / 1000.0,
        ExpiresUnit::Rfc3339 => (rfc3339(value.as_str()?.trim())? - now) / 1000.0,
    };
    if seconds <= 0.0 {
        return Some(Duration::ZERO);
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_LIFE))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Milliseconds since 1970 of `2026-11-25T22:11:57.5+01:00` (RFC 3339 §5.6). A leap second is the next minute's first.
fn rfc3339(text: &str) -> Option<f64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let (year, month, day) = (digits(date, 0, 4)?, digits(date, 5, 2)?, digits(date, 8, 2)?);
    let (hour, minute, second) = (digits(time, 0, 2)?, digits(time, 3, 2)?, digits(time, 6, 2)?);
    let marks = [(date, 4, '-'), (date, 7, '-'), (time, 2, ':'), (time, 5, ':')];
    let well_formed = marks
        .iter()
        .all(|(text, at, mark)| text[*at..].starts_with(*mark));
    let in_range =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !well_formed || !in_range {
        return None;
    }
    let zone = time.get(8..)?;
    let (fraction, zone) = match zone.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            (format!("0.{}", &rest[..end]).parse::<f64>().ok()?, &rest[end..])
        }
        None => (0.0, zone),
    };
    let offset = match zone {
        "Z" | "z" => 0,
        _ if zone.len() == 6 && zone.is_ascii() && zone.as_bytes()[3] == b':' => {
            let minutes = digits(zone, 1, 2)? * 60 + digits(zone, 4, 2)?;
            match zone.as_bytes()[0] {
                b'+' => minutes,
                b'-' => -minutes,
                _ => return None,
            }
        }
        _ => return None,
    };
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + (minute - offset) * 60 + second;
    Some((seconds as f64 + fraction) * 1000.0)
}

fn digits(text: &str, at: usize, count: usize) -> Option<i64> {
    let digits = text.get(at..at + count)?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// Counted from the first of March, so that a leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::profile::JsonPointer;

    const NOW: WallTime = WallTime::from_unix_millis(1_700_000_000_000); // 2023-11-14T22:13:20Z

    fn read(unit: ExpiresUnit, value: Value) -> Option<Duration> {
        let shape = AnswerShape {
            expires_in: JsonPointer::to_field("end"),
            expires_unit: unit,
            ..AnswerShape::default()
        };
        life(&shape, &json!({ "end": value }), NOW)
    }

    #[test]
    fn each_unit_is_read_from_the_servers_clock() {
        let minute = Some(Duration::from_secs(60));
        for (unit, value) in [
            (ExpiresUnit::Seconds, json!(60)),
            (ExpiresUnit::Seconds, json!("60")),
            (ExpiresUnit::Milliseconds, json!(60_000)),
            (ExpiresUnit::UnixSeconds, json!(1_700_000_060)),
            (ExpiresUnit::UnixMilliseconds, json!("1700000060000")),
            (ExpiresUnit::Rfc3339, json!("2023-11-14T22:14:20Z")),
            (ExpiresUnit::Rfc3339, json!("2023-11-15 00:14:20.000+02:00")),
            (ExpiresUnit::Rfc3339, json!("2023-11-14t21:44:20-00:30")),
        ] {
            assert_eq!(read(unit, value.clone()), minute, "{unit:?} {value}");
        }
        assert_eq!(read(ExpiresUnit::UnixSeconds, json!(5)), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_time_says_nothing() {
        for bad in [
            "",
            "soon",
            "2023-11-14",
            "2023-11-14T22:14:20",
            "2023-13-14T22:14:20Z",
            "2023-11-14T22:14:20+0200",
            "2023-11-14T22:14:20.Z1",
            "éé23-11-14T22:14:20Z",
            "2023-11-14T2é:14:20Z",
            "2023-11-14T22:14:20+é2:0",
        ] {
            assert_eq!(read(ExpiresUnit::Rfc3339, json!(bad)), None, "{bad}");
        }
        assert_eq!(read(ExpiresUnit::Rfc3339, json!(60)), None);
        assert_eq!(read(ExpiresUnit::UnixSeconds, json!("NaN")), None);
    }

    #[test]
    fn the_calendar_is_right_around_leap_days() {
        let day = |text: &str| rfc3339(&format!("{text}T00:00:00Z")).map(|ms| (ms / 86_400_000.0) as i64);
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-02-29"), Some(11_016));
        assert_eq!(day("2000-03-01"), Some(11_017));
        assert_eq!(day("2100-03-01"), Some(47_541));
        assert_eq!(day("1969-12-31"), Some(-1));
    }
}
