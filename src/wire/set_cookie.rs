use super::HttpResponse;

/// The session's cookies that an answer sets, by the names that the profile keeps; `None` when one of them cannot be
/// kept. Attributes are the browser's matter: the profile says where a cookie goes. A cookie that is deleted is not
/// dropped here, for only a listed verdict ends a session.
pub(super) fn set_cookies<'r>(
    response: &'r HttpResponse,
    names: &[String],
) -> Option<Vec<(&'r str, &'r str)>> {
    let mut set = Vec::new();
    for (header, line) in &response.headers {
        if !header.eq_ignore_ascii_case("set-cookie") {
            continue;
        }
        let mut parts = line.split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        if !names.iter().any(|kept| kept == name) || value.is_empty() || is_deletion(parts) {
            continue;
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        set.push((name, value));
    }
    Some(set)
}

/// `Max-Age=0` or less. An `Expires` in the past comes with an empty value from every framework.
fn is_deletion<'a>(mut attributes: impl Iterator<Item = &'a str>) -> bool {
    attributes.any(|attribute| {
        attribute.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("max-age")
                && value.trim().parse::<i64>().is_ok_and(|seconds| seconds <= 0)
        })
    })
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn set(lines: &[&str]) -> Option<Vec<(String, String)>> {
        let response = HttpResponse {
            status: 200,
            headers: lines
                .iter()
                .map(|line| ("Set-Cookie".to_owned(), (*line).to_owned()))
                .collect(),
            body: Zeroizing::default(),
        };
        let names = ["refresh".to_owned(), "csrf".to_owned()];
        let found = set_cookies(&response, &names)?;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Some(found.into_iter().map(owned).collect())
    }

    #[test]
    fn the_listed_cookies_are_read_whatever_stands_around_them() {
        let found = set(&[
            "refresh=a.b=; HttpOnly; Secure; SameSite=Strict; Path=/auth",
            "theme=dark",
            "csrf = c ;Max-Age=60",
            "nonsense",
        ]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found, Some(vec![pair("refresh", "a.b="), pair("csrf", "c")]));
    }

    #[test]
    fn a_deleted_cookie_stays_and_one_that_cannot_be_kept_spoils_the_answer() {
        assert_eq!(
            set(&["refresh=; Max-Age=0", "csrf=x; max-age=-1"]),
            Some(Vec::new())
        );
        assert_eq!(set(&["refresh=a b"]), None);
    }
}
