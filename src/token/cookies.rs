//! The cookies of a session as one secret text, `name=value; name2=value2`: what a `Cookie` header says of them.

use super::Secret;

/// The value of one of them.
pub(crate) fn cookie<'j>(jar: &'j Secret, name: &str) -> Option<&'j str> {
    pairs(jar.expose()).find_map(|(known, value)| (known == name).then_some(value))
}

/// How many of them have that name.
pub(crate) fn cookie_count(jar: &Secret, name: &str) -> usize {
    pairs(jar.expose()).filter(|(known, _)| *known == name).count()
}

/// The jar with the given cookies added or replaced; each of the others stays.
pub(crate) fn with_cookies(jar: Option<&Secret>, set: &[(&str, &str)]) -> Secret {
    let old = pairs(jar.map_or("", Secret::expose)).map(|(name, value)| {
        let replaced = set.iter().rev().find(|(new, _)| *new == name);
        (name, replaced.map_or(value, |(_, value)| *value))
    });
    let mut merged: Vec<(&str, &str)> = old.collect();
    for (name, value) in set {
        match merged.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => merged.push((name, value)),
        }
    }
    let room = merged.iter().map(|(name, value)| name.len() + value.len() + 3);
    // All at once: growing would leave copies behind in freed memory.
    let mut text = String::with_capacity(room.sum());
    for (name, value) in merged {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    Secret::new(text)
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';').filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let jar = Secret::new("refresh=a=b; csrf=c");
        assert_eq!(cookie(&jar, "refresh"), Some("a=b"));
        assert_eq!(cookie(&jar, "csrf"), Some("c"));
        assert_eq!(cookie(&jar, "ref"), None);
    }

    #[test]
    fn new_cookies_replace_their_namesakes_and_leave_the_rest() {
        let jar = with_cookies(None, &[("refresh", "1"), ("csrf", "x")]);
        assert_eq!(jar, Secret::new("refresh=1; csrf=x"));
        let jar = with_cookies(Some(&jar), &[("refresh", "2"), ("refresh", "3")]);
        assert_eq!(jar, Secret::new("refresh=3; csrf=x"));
    }
}
