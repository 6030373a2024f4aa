//! What the Keychain's status codes mean for a session. Pure, so that it is tested where there is no Keychain.

/// What to make of an `OSStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// There is no such item.
    Absent,
    /// The device or the keychain is locked, or nobody may be asked now.
    Locked,
    /// The app is not signed for what it asks.
    NotEntitled { what: String, fix: String },
    /// Anything else: it may pass, and a write may have happened.
    Unknown,
}

impl Meaning {
    pub(super) fn of(status: i32) -> Self {
        match status {
            // errSecItemNotFound
            -25300 => Self::Absent,
            // errSecInteractionNotAllowed
            -25308 => Self::Locked,
            // errSecMissingEntitlement
            -34018 => Self::NotEntitled {
                what: "the app may not use this keychain (errSecMissingEntitlement, -34018)".into(),
                fix: "sign it with the entitlement `keychain-access-groups`, and for an access group name one that \
                      stands there; an unsigned tool on macOS takes the login keychain"
                    .into(),
            },
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_device_is_no_missing_item_and_a_missing_entitlement_is_the_developers() {
        assert_eq!(Meaning::of(-25308), Meaning::Locked);
        assert_eq!(Meaning::of(-25300), Meaning::Absent);
        assert!(
            matches!(Meaning::of(-34018), Meaning::NotEntitled { what, fix } if what.contains("-34018") && !fix.is_empty())
        );
    }

    #[test]
    fn what_nobody_listed_may_pass_and_is_never_taken_for_absent() {
        for status in [0, -50, -61, -25291, -25293, -25299, -128, i32::MIN] {
            assert_eq!(Meaning::of(status), Meaning::Unknown, "{status}");
        }
    }
}
