use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One line of the result.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) act: String,
    pub(crate) floor: f64,
    pub(crate) ours: f64,
    pub(crate) unit: Cow<'static, str>,
    /// None where the floor has nothing of it.
    pub(crate) ratio: Option<f64>,
    pub(crate) goal: Option<f64>,
}

impl Row {
    pub(crate) fn new(
        id: &str,
        act: &str,
        medians: (Duration, Duration),
        in_unit: impl Fn(Duration) -> f64,
        unit: &'static str,
        goal: Option<f64>,
    ) -> Self {
        let (floor, ours) = (in_unit(medians.0), in_unit(medians.1));
        Self {
            id: id.into(),
            act: act.into(),
            floor,
            ours,
            unit: unit.into(),
            ratio: Some(ours / floor),
            goal,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            act,
            floor,
            ours,
            unit,
            ratio,
            goal,
        } = self;
        let goal = goal.map_or("-".into(), |goal| format!("{goal:.2}"));
        let ratio = ratio.map_or("-".into(), |ratio| format!("{ratio:.2}"));
        write!(
            f,
            "{id:<14} {act:<64} {floor:>12.1} {ours:>12.1} {unit:<9} {ratio:>6} {goal:>6}"
        )
    }
}

/// Runs the two in turns, after one turn of each that does not count, and gives the median of each.
pub(crate) fn in_turns<E>(
    turns: usize,
    mut floor: impl FnMut() -> Result<Duration, E>,
    mut ours: impl FnMut() -> Result<Duration, E>,
) -> Result<(Duration, Duration), E> {
    let (mut floors, mut all) = (Vec::new(), Vec::new());
    for turn in 0..=turns {
        let pair = (floor()?, ours()?);
        if turn > 0 {
            floors.push(pair.0);
            all.push(pair.1);
        }
    }
    Ok((median(floors), median(all)))
}

/// How long `act` takes.
pub(crate) fn timed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = act();
    (start.elapsed(), done)
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

pub(crate) fn nanos_each(acts: u32) -> impl Fn(Duration) -> f64 {
    move |total| total.as_secs_f64() * 1e9 / f64::from(acts)
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
