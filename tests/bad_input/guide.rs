//! The guide's profile is the preset, to the letter of its meaning.

use tokencast::ServerProfile;

#[test]
fn the_guides_profile_is_the_preset() {
    let guide = include_str!("../../docs/guides/server-profile.md");
    let json = guide
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let read = ServerProfile::from_json(json).unwrap();
    assert_eq!(read, ServerProfile::rotation("https://api.example.com").unwrap());
}
