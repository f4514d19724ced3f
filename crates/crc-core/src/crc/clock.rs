//! The network's clock.
//!
//! Times travel between servers: when a channel was founded, when it was set. Of two
//! networks that merge, neither may win because a clock is wrong. So a server that links
//! to an uplink follows the clock of that one, if the two differ by much: it shifts its
//! own clock and all times that it holds, and tells the servers below it to do the same
//! (PROTOCOL section 6). The order of the times stays as it is.
//!
//! A server that has been told to shift its times may have sent older ones meanwhile.
//! They are shifted as they arrive, until it has answered.

use core::time::Duration;
use std::collections::VecDeque;

use crc_machine::LinkId;

use super::introduction;
use crate::context::{Context, Out};
use crate::link::Link;
use crate::network::{HostKind, PeerVersion, shift_version};

/// Clocks that differ by less count as equal. It is more than an announcement takes on
/// most links, and less than matters to people.
const EQUAL_WITHIN_MS: u64 = 5_000;

/// Clocks that differ by more make no sense: more than a clock that started in 1970.
const SKEW_MAX_MS: u64 = 200 * 366 * 24 * 3_600 * 1_000;

/// A clock that shows an earlier time, the beginning of 2020, was never set.
const EARLIEST_MS: u64 = 1_577_836_800_000;

/// By how many milliseconds the network's clock of a server is ahead that starts at this
/// time: 0, unless its clock was never set. So no clock comes close to 0, where times that
/// are shifted would lose their order.
pub(crate) const fn offset_of_unset(started_at_unix_ms: u64) -> i64 {
    EARLIEST_MS.saturating_sub(started_at_unix_ms).cast_signed()
}

/// What the network's clock of a server shows that starts at this time.
pub(crate) const fn network_ms_at_start(started_at_unix_ms: u64) -> u64 {
    started_at_unix_ms.saturating_add_signed(offset_of_unset(started_at_unix_ms))
}

/// How many shifts a server may have yet to answer. One that answers none of so many is
/// not trusted to follow another.
const PENDING_MAX: usize = 16;

/// By how much a time that a server states may lie in the future. No frame on a link
/// that lives is under way for longer: the link would be closed for silence.
const AHEAD_MAX_MS: u64 = 60_000;

/// What is known of the clock at the other end of a link.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkClock {
    /// By how many milliseconds the peer's clock was ahead of this server's when the
    /// peer announced itself; `None` if it did not say.
    pub(crate) skew_ms: Option<i64>,
    /// How many announcements but the first the peer has yet to answer.
    unanswered: u32,
    /// The shifts that the peer has not answered, or was not told of yet.
    pending: VecDeque<PendingShift>,
}

/// A shift of this server's times that the peer has not followed yet.
#[derive(Debug, Clone, Copy)]
struct PendingShift {
    by_ms: i64,
    /// How many answers are due until the peer has followed; `None` before it was told.
    answers: Option<u32>,
}

impl LinkClock {
    /// A time that the peer states, by the network's clock.
    pub(crate) fn time(&self, ms: u64) -> u64 {
        let shifts = self.pending.iter().map(|shift| shift.by_ms);
        shifts.fold(ms, u64::saturating_add_signed)
    }

    /// A version that the peer states, by the network's clock. It stays a version, as those do
    /// that this server holds: 0 is none, and asks for settings.
    pub(crate) fn version(&self, version: u64) -> u64 {
        let shifts = self.pending.iter().map(|shift| shift.by_ms);
        shifts.fold(version, shift_version)
    }

    /// An announcement that the peer will answer has been sent.
    pub(crate) fn on_announced(&mut self) {
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// The peer has answered an announcement.
    pub(crate) fn on_answer(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
        for answers in self
            .pending
            .iter_mut()
            .filter_map(|shift| shift.answers.as_mut())
        {
            *answers = answers.saturating_sub(1);
        }
        self.pending.retain(|shift| shift.answers != Some(0));
    }
}

/// A time that a server states, by the network's clock. A time that lies in the future is
/// taken for now: no clock that runs away wins for ever.
pub(super) fn time_from_peer(cx: &Context, link: LinkId, ms: u64) -> u64 {
    let session = cx.crc_session(link);
    let ms = session.map_or(ms, |session| session.clock.time(ms));
    let now = cx.network_ms();
    match ms > now.saturating_add(AHEAD_MAX_MS) {
        true => now,
        false => ms,
    }
}

/// A version that a server states, by the network's clock; `known` is the one that stands. A
/// version that lies in the future counts as now. It stays newer than the one that stands,
/// so that both servers hold the same value. One that is not newer stays as it is: taken for
/// now, the one that stands would be older, or newer, and two servers would send it to and
/// fro without end.
pub(super) fn version_from_peer(cx: &Context, link: LinkId, ms: u64, known: u64) -> u64 {
    let session = cx.crc_session(link);
    let ms = session.map_or(ms, |session| session.clock.version(ms));
    believed_version(ms, known, cx.network_ms())
}

const fn believed_version(ms: u64, known: u64, now: u64) -> u64 {
    if ms <= now.saturating_add(AHEAD_MAX_MS) || ms <= known {
        return ms;
    }
    match known.checked_add(1) {
        Some(next) if next > now => next,
        _ => now,
    }
}

/// The peer of a link announces what its clock shows. Only the first time counts.
///
/// The peer has written this after the link came up, and it may have been under way for
/// long. Of all differences that are possible the smallest is taken, so that no delay
/// looks like a wrong clock.
pub(crate) fn on_clock(cx: &mut Context, link: LinkId, peer_ms: u64, out: &mut Out) {
    let now_ms = cx.network_ms();
    let now = cx.now;
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    let age_ms = now.since(found.up_at).as_millis();
    let up_ms = now_ms.saturating_sub(u64::try_from(age_ms).unwrap_or(u64::MAX));
    let Some(session) = found.crc_mut() else {
        return;
    };
    let makes_sense = peer_ms >= EARLIEST_MS && now_ms.abs_diff(peer_ms) <= SKEW_MAX_MS;
    if session.clock.skew_ms.is_some() || !makes_sense {
        return;
    }
    let ahead = peer_ms.saturating_sub(now_ms).cast_signed();
    let behind = up_ms.saturating_sub(peer_ms).cast_signed();
    let skew_ms = ahead - behind;
    session.clock.skew_ms = Some(skew_ms);
    if skew_ms.unsigned_abs() <= EQUAL_WITHIN_MS {
        return;
    }
    let by = Duration::from_millis(skew_ms.unsigned_abs());
    let direction = match skew_ms > 0 {
        true => "ahead of",
        false => "behind",
    };
    let peer = cx.describe_peer(link);
    log::warn!("{peer}: clock skew: its clock is {by:.1?} {direction} this server's");
    if is_uplink(cx, link) {
        shift(cx, skew_ms, out);
    }
}

/// The peer of a link has shifted its times.
pub(crate) fn on_shift(cx: &mut Context, link: LinkId, by_ms: i64, out: &mut Out) {
    let session = cx.crc_session(link);
    let measured = session.is_some_and(|session| session.clock.skew_ms.is_some());
    let shifted_ms = cx.network_ms().checked_add_signed(by_ms);
    let makes_sense = by_ms.unsigned_abs() <= SKEW_MAX_MS
        && shifted_ms.is_some_and(|shifted_ms| shifted_ms >= EARLIEST_MS);
    if measured && is_uplink(cx, link) && makes_sense {
        shift(cx, by_ms, out);
    }
}

fn is_uplink(cx: &Context, link: LinkId) -> bool {
    let neighbour = cx.network.neighbours().find(link);
    neighbour.is_some_and(|neighbour| neighbour.uplink)
}

/// Shifts this server's clock and all times that it holds, and tells the servers below.
fn shift(cx: &mut Context, by_ms: i64, out: &mut Out) {
    cx.clock_offset_ms = cx.clock_offset_ms.saturating_add(by_ms);
    cx.shift_times(by_ms);
    let neighbours = cx.network.neighbours().iter();
    let below: Vec<_> = neighbours
        .filter(|(_, neighbour)| neighbour.kind == HostKind::Server && !neighbour.uplink)
        .map(|(link, _)| link)
        .collect();
    for link in below {
        let session = cx.links.find_mut(link).and_then(Link::crc_mut);
        // One that this server has not announced itself to will be told the new time. One
        // that seems to be a v1 server may announce itself late.
        let announced = session.filter(|session| session.announced.is_some());
        let Some(session) = announced else {
            continue;
        };
        if session.clock.pending.len() < PENDING_MAX {
            let answers = None;
            session
                .clock
                .pending
                .push_back(PendingShift { by_ms, answers });
        }
        tell_shifts(cx, link, out);
    }
}

/// Tells a server that has announced itself of the shifts that it was not told of.
pub(crate) fn tell_shifts(cx: &mut Context, link: LinkId, out: &mut Out) {
    let neighbour = cx.network.neighbours().find(link);
    if neighbour.is_none_or(|neighbour| neighbour.version != PeerVersion::V2) {
        return;
    }
    let Some(session) = cx.links.find_mut(link).and_then(Link::crc_mut) else {
        return;
    };
    let due = session.clock.unanswered.saturating_add(1);
    let mut by_ms = 0_i64;
    for shift in session
        .clock
        .pending
        .iter_mut()
        .filter(|s| s.answers.is_none())
    {
        by_ms = by_ms.saturating_add(shift.by_ms);
        shift.answers = Some(due);
    }
    if by_ms != 0 {
        introduction::announce_shift(cx, link, by_ms, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_the_future_count_as_now_and_stay_in_order() {
        const NOW: u64 = 1_700_000_000_000;
        for (stated, known, believed) in [
            (NOW - 5, 0, NOW - 5),
            (NOW + 60_000, NOW, NOW + 60_000),
            (NOW + 60_001, NOW - 9, NOW),
            (u64::MAX, NOW - 9, NOW),
            // What stands lies in the future.
            (NOW + 90_000, NOW + 70_000, NOW + 70_001),
            (NOW + 70_000, NOW + 70_000, NOW + 70_000),
            (NOW + 70_000, NOW + 90_000, NOW + 70_000),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(
                believed_version(stated, known, NOW),
                believed,
                "{stated} {known}"
            );
        }
    }

    #[test]
    fn times_are_shifted_until_the_peer_has_answered() {
        let mut clock = LinkClock {
            skew_ms: Some(0),
            unanswered: 3,
            pending: [(Some(2), -3_600_000), (Some(3), 1_000), (None, 5)]
                .map(|(answers, by_ms)| PendingShift { by_ms, answers })
                .into(),
        };
        assert_eq!(clock.time(1_700_000_000_000), 1_699_996_401_005);
        clock.on_answer();
        clock.on_answer();
        assert_eq!(clock.time(1_700_000_000_000), 1_700_000_001_005);
        clock.on_answer();
        clock.on_answer();
        // It was not told of the last one yet.
        assert_eq!(clock.time(1_700_000_000_000), 1_700_000_000_005);
        clock.pending[0].by_ms = -3_600_000;
        assert_eq!([0, 1, 3_600_009].map(|it| clock.version(it)), [0, 1, 9]);
    }
}
