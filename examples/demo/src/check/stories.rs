//! The stories of a scheme, played and compared with what they say must come of them.

use std::io::Write;

use anyhow::{Context as _, Result, ensure};

use super::Players;
use super::transcript::Transcript;
use crate::launcher::{Played, Record, Stage};
use crate::scheme;
use crate::step::Step;

pub(super) async fn play(
    stage: &mut Stage,
    players: &Players,
    record: &Record,
    transcript: &mut Transcript<impl Write>,
) -> Result<()> {
    let mut told = String::new();
    for story in scheme::shown(stage.scheme()).stories {
        transcript.step(story.title)?;
        let played = stage.play_story(story.name, players).await?;
        show(&played, transcript)?;
        told += &stage.board().scene().to_json().to_string();
    }
    transcript.step("over all stories")?;
    let secrets = stage.secrets();
    ensure!(secrets.len() >= 4, "too few tokens were seen for a search");
    let is_told = secrets.iter().any(|secret| told.contains(secret.as_str()));
    let crossed = secrets.iter().any(|secret| record.holds(secret.as_str()));
    Ok(transcript.expect(
        &format!(
            "none of {} tokens and keys crossed the line between app and launcher, or is on the dashboard",
            secrets.len()
        ),
        !crossed && !is_told && record.holds("generation") && told.contains("labels"),
    )?)
}

/// The dashboard's other buttons do what they say under every scheme.
pub(super) async fn buttons(
    stage: &mut Stage,
    players: &Players,
    transcript: &mut Transcript<impl Write>,
) -> Result<()> {
    let steps = [
        Step::SignIn,
        Step::CallApi,
        Step::Expire,
        Step::CallApi,
        Step::AddNotes,
        Step::Kill,
        Step::CallApi,
        Step::KillMidRefresh,
        Step::AnotherPage,
        Step::RenderedPage,
        Step::HostilePage,
        Step::SignOut,
    ];
    let repeats = scheme::repeats(stage.scheme());
    for step in steps
        .into_iter()
        .filter(|step| *step != Step::KillMidRefresh || repeats)
    {
        transcript.step(step.title())?;
        stage.perform(step, players).await?;
        let told = stage
            .board()
            .scene()
            .told
            .context("the board says what the step did")?;
        transcript.expect(&told.text, told.good)?;
    }
    Ok(())
}

fn show(played: &Played, transcript: &mut Transcript<impl Write>) -> Result<()> {
    for (number, step) in (1..).zip(&played.steps) {
        let title = format!("{number}. {}", step.title);
        transcript.expect(&title, step.wrong.is_none())?;
        for arrow in &step.arrows {
            transcript.arrow(arrow)?;
        }
        for note in step.notes.iter().chain(&step.wrong) {
            transcript.note(note)?;
        }
    }
    let Some(ending) = &played.ending else {
        return Ok(transcript.expect("the story has an end", false)?);
    };
    for one in &ending.counted {
        let title = format!("the server counted {}: {}", one.words, one.number);
        transcript.expect(&title, one.number == one.expected)?;
    }
    transcript.expect(
        &format!("all as the story has it; the app was told: {}", ending.told),
        ending.good,
    )?;
    for line in &ending.history {
        transcript.note(line)?;
    }
    Ok(())
}
