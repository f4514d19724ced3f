//! MAP and TRACE: a server of an operator asks others, and gathers what they answer.
//!
//! Answers come over the links of the tree, in order, so that those of the servers on a way
//! come in the order in which they stand there. A survey that is not complete ends when its
//! time is over: a server may not know such orders, or be gone.

use core::time::Duration;
use std::collections::BTreeMap;

use crc_machine::Timestamp;
use crc_wire::HostId;

use crate::order::{Answer, Place, Says};

/// For how long answers are awaited.
const TIME_MAX: Duration = Duration::from_secs(3);

/// How many surveys may be under way.
const SURVEYS_MAX: usize = 16;

/// How many servers a map shows.
pub(crate) const PLACES_MAX: usize = 1000;

/// How many levels of a map are set off from each other.
const LEVELS_MAX: usize = 20;

/// How many hops a trace shows.
const HOPS_MAX: u32 = 256;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// All servers, how many of them are awaited, and what they have said.
    Map {
        awaited: usize,
        places: BTreeMap<HostId, Answered>,
    },
    /// The servers on the way to a host, and how many have answered.
    Trace { to: HostId, hops: u32 },
}

/// The place of a server, and after what time it has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) place: Place,
    pub(crate) after: Duration,
}

/// A survey that is under way.
#[derive(Debug)]
pub(crate) struct Survey {
    number: u32,
    /// The operator who wants it.
    pub(crate) operator: HostId,
    begun: Timestamp,
    pub(crate) question: Question,
}

/// Why a survey cannot begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SurveyRefusal {
    #[error("Your last MAP or TRACE is still under way: try again in a moment")]
    UnderWay,
    #[error("Too many operators use MAP or TRACE: try again in a moment")]
    Busy,
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing yet.
    Wait,
    /// The next server on the way has answered: the how-manieth it is, and after what time.
    Hop(u32, Duration),
    /// The survey is complete. A trace has this server as its last.
    Complete(Option<(u32, Duration)>),
    /// The way leads on through a server that does not answer.
    Stopped,
}

/// The surveys of this server's operators.
#[derive(Debug, Default)]
pub(crate) struct Surveys {
    last: u32,
    under_way: Vec<Survey>,
}

impl Surveys {
    /// Begins a survey: its number.
    pub(crate) fn begin(
        &mut self,
        operator: HostId,
        question: Question,
        now: Timestamp,
    ) -> Result<u32, SurveyRefusal> {
        if self.under_way.iter().any(|it| it.operator == operator) {
            return Err(SurveyRefusal::UnderWay);
        }
        if self.under_way.len() >= SURVEYS_MAX {
            return Err(SurveyRefusal::Busy);
        }
        self.last = self.last.wrapping_add(1);
        self.under_way.push(Survey {
            number: self.last,
            operator,
            begun: now,
            question,
        });
        Ok(self.last)
    }

    /// A server has answered.
    pub(crate) fn on_answer(
        &mut self,
        operator: HostId,
        server: HostId,
        answer: Answer,
        now: Timestamp,
    ) -> Progress {
        let found = self.find(operator, answer.number);
        let Some(survey) = found else {
            return Progress::Wait;
        };
        let after = now.since(survey.begun);
        match (&mut survey.question, answer.says) {
            (Question::Map { awaited, places }, Says::Place(place)) => {
                if places.len() < PLACES_MAX {
                    places.entry(server).or_insert(Answered { place, after });
                }
                match places.len() >= (*awaited).min(PLACES_MAX) {
                    true => Progress::Complete(None),
                    false => Progress::Wait,
                }
            }
            (Question::Trace { .. }, Says::Stop) => Progress::Stopped,
            (Question::Trace { hops, .. }, Says::Hop | Says::End) if *hops >= HOPS_MAX => {
                Progress::Wait
            }
            (Question::Trace { hops, .. }, says @ (Says::Hop | Says::End)) => {
                *hops += 1;
                match says == Says::End {
                    true => Progress::Complete(Some((*hops, after))),
                    false => Progress::Hop(*hops, after),
                }
            }
            (Question::Map { .. }, _) | (Question::Trace { .. }, Says::Place(_)) => Progress::Wait,
        }
    }

    fn find(&mut self, operator: HostId, number: u32) -> Option<&mut Survey> {
        let mut all = self.under_way.iter_mut();
        all.find(|it| it.operator == operator && it.number == number)
    }

    /// The survey of an operator, which ends.
    pub(crate) fn end(&mut self, operator: HostId) -> Option<Survey> {
        let place = self
            .under_way
            .iter()
            .position(|it| it.operator == operator)?;
        Some(self.under_way.remove(place))
    }

    /// A survey whose time is over, which ends.
    pub(crate) fn end_overdue(&mut self, now: Timestamp) -> Option<Survey> {
        let overdue = |it: &Survey| it.begun + TIME_MAX <= now;
        let place = self.under_way.iter().position(overdue)?;
        Some(self.under_way.remove(place))
    }

    /// When the time of the next survey is over.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let ends = self.under_way.iter().map(|it| it.begun + TIME_MAX);
        ends.min()
    }
}

/// The servers of a map as a tree: those at the root first, each with the branch that leads to
/// it. A server whose uplink has not answered stands at the root.
pub(crate) fn as_tree(places: &BTreeMap<HostId, Answered>) -> Vec<(String, HostId)> {
    let mut children: BTreeMap<Option<HostId>, Vec<HostId>> = BTreeMap::new();
    for (id, known) in places {
        let uplink = known.place.uplink.filter(|up| places.contains_key(up));
        children.entry(uplink).or_default().push(*id);
    }
    let mut tree = Vec::with_capacity(places.len());
    // What is still to be shown, the next at the end: the branches before it, and whether it is
    // the last of its siblings.
    let mut waiting: Vec<(String, bool, HostId)> = Vec::new();
    let roots = children.remove(&None).unwrap_or_default();
    // Servers that say they are each other's uplinks are at no root.
    let mut rest: BTreeMap<_, _> = places.iter().collect();
    let mut tops: Vec<HostId> = roots.into_iter().rev().collect();
    loop {
        let Some(top) = tops
            .pop()
            .or_else(|| rest.first_key_value().map(|(id, _)| **id))
        else {
            return tree;
        };
        waiting.push((String::new(), true, top));
        while let Some((before, is_last, id)) = waiting.pop() {
            if rest.remove(&id).is_none() {
                continue;
            }
            let (branch, below) = match (id == top, is_last) {
                (true, _) => (String::new(), String::new()),
                _ if before.len() >= 3 * LEVELS_MAX => (before.clone(), before),
                (false, true) => (format!("{before}`- "), format!("{before}   ")),
                (false, false) => (format!("{before}|- "), format!("{before}|  ")),
            };
            tree.push((branch, id));
            let below_it = children.remove(&Some(id)).unwrap_or_default();
            let last = below_it.len().saturating_sub(1);
            let below_it = below_it.into_iter().enumerate().rev();
            waiting.extend(below_it.map(|(place, id)| (below.clone(), place == last, id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u32) -> HostId {
        HostId::new(id).unwrap()
    }

    fn places(all: &[(u32, u32)]) -> BTreeMap<HostId, Answered> {
        let place = |uplink| Answered {
            place: Place {
                uplink: HostId::new(uplink),
                clients: 0,
                version: "x".into(),
            },
            after: Duration::ZERO,
        };
        all.iter()
            .map(|(own, uplink)| (id(*own), place(*uplink)))
            .collect()
    }

    fn tree(all: &[(u32, u32)]) -> Vec<String> {
        let tree = as_tree(&places(all));
        let lines = tree.iter().map(|(branch, id)| format!("{branch}{id}"));
        lines.collect()
    }

    #[test]
    fn a_map_is_a_tree() {
        assert_eq!(tree(&[(1, 0)]), ["1"]);
        assert_eq!(
            tree(&[(1, 0), (2, 1), (3, 2), (4, 2), (5, 1), (6, 5), (7, 9)]),
            ["1", "|- 2", "|  |- 3", "|  `- 4", "`- 5", "   `- 6", "7"]
        );
    }

    #[test]
    fn servers_that_lie_about_their_uplinks_are_shown_once() {
        assert_eq!(tree(&[(1, 1)]), ["1"]);
        assert_eq!(tree(&[(1, 2), (2, 1), (3, 2)]), ["1", "`- 2", "   `- 3"]);
    }

    #[test]
    fn a_tall_tree_takes_little_room() {
        let all: Vec<_> = (1..=1000).map(|id| (id, id - 1)).collect();
        let lines = tree(&all);
        assert_eq!(lines.len(), 1000);
        assert!(lines.iter().all(|line| line.len() < 70));
    }

    #[test]
    fn surveys_are_few_and_end() {
        let mut surveys = Surveys::default();
        let trace = Question::Trace { to: id(9), hops: 0 };
        let start = Timestamp::START;
        let number = surveys.begin(id(100), trace.clone(), start).unwrap();
        let again = surveys.begin(id(100), trace.clone(), start);
        assert_eq!(again, Err(SurveyRefusal::UnderWay));
        for other in 101..116 {
            surveys.begin(id(other), trace.clone(), start).unwrap();
        }
        let more = surveys.begin(id(200), trace.clone(), start);
        assert_eq!(more, Err(SurveyRefusal::Busy));
        let answer = |number, says| Answer { number, says };
        // An answer to another one, or of another kind, is none.
        let place = places(&[(1, 0)]).remove(&id(1)).unwrap().place;
        for odd in [
            answer(number + 1, Says::Hop),
            answer(number, Says::Place(place)),
        ] {
            assert_eq!(
                surveys.on_answer(id(100), id(2), odd, start),
                Progress::Wait
            );
        }
        let later = start + Duration::from_millis(2);
        let hop = surveys.on_answer(id(100), id(2), answer(number, Says::Hop), later);
        assert!(matches!(hop, Progress::Hop(_, after) if after == Duration::from_millis(2)));
        assert_eq!(surveys.deadline(), Some(start + TIME_MAX));
        assert!(surveys.end_overdue(later).is_none());
        while surveys.end_overdue(start + TIME_MAX).is_some() {}
        assert_eq!(surveys.deadline(), None);
    }
}
