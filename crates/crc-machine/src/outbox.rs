//! The effects of a machine: an ordered list, and the bytes that it refers to.
//!
//! The outbox is built for relaying. A forwarded frame costs one copy into the arena, and no
//! allocation once the arena has grown. It costs no copy at all if the driver
//! [sets the event's bytes as input](Outbox::set_input). Consecutive sends on one link merge into one
//! effect. The arena holds a broadcast once, whatever the number of links.

use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::effect::{ByteRange, CloseWhen, Effect, RangeKind};
use crate::link::{DialId, LinkId, PeerAddress};

/// Collects the effects of a machine until the driver has executed them.
#[derive(Debug)]
pub struct Outbox<N> {
    arena: Vec<u8>,
    /// The bytes of deferred sends. They may stay longer than those in `arena`.
    deferred: Vec<u8>,
    effects: Vec<Effect<N>>,
    input: Input,
}

/// The address range of the current event's bytes, if the driver keeps them in place.
///
/// Addresses identify the bytes, so that no equal bytes elsewhere are mistaken for them.
#[derive(Debug, Clone, Copy, Default)]
struct Input {
    address: usize,
    len: usize,
    /// The position of the bytes in the driver's buffer.
    at: usize,
}

impl Input {
    /// The range of `bytes` in the driver's buffer, if they are part of the input.
    #[inline]
    fn range(self, bytes: &[u8]) -> Option<ByteRange> {
        let offset = bytes.as_ptr().addr().checked_sub(self.address)?;
        if bytes.len() > self.len.checked_sub(offset)? {
            return None;
        }
        let start = self.at + offset;
        Some(ByteRange::new(start, start + bytes.len(), RangeKind::Input))
    }
}

/// A place in the list of effects; see [`Outbox::mark`].
#[derive(Debug, Clone, Copy)]
pub struct OutboxMark {
    effects: usize,
    /// Where the last effect ended, if it is a send.
    last: Option<ByteRange>,
}

impl<N> Default for Outbox<N> {
    fn default() -> Self {
        Outbox {
            arena: Vec::new(),
            deferred: Vec::new(),
            effects: Vec::new(),
            input: Input::default(),
        }
    }
}

impl<N> Outbox<N> {
    /// Creates an empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares the bytes of the next event as input: the outbox does not copy them when the
    /// machine [sends](Self::send) parts of them. Such an [`Effect::Send`] has a
    /// [`ByteRange::input_range`], which counts from the driver's buffer, where `bytes` begin at
    /// `at`.
    ///
    /// The driver must call [`clear_input`](Self::clear_input) before it changes `bytes`, and must
    /// keep those parts until it has executed their sends.
    ///
    /// A driver that never calls this method never sees an input range.
    #[inline]
    pub fn set_input(&mut self, bytes: &[u8], at: usize) {
        self.input = Input {
            address: bytes.as_ptr().addr(),
            len: bytes.len(),
            at,
        };
    }

    /// Ends the effect of [`set_input`](Self::set_input).
    #[inline]
    pub fn clear_input(&mut self) {
        self.input = Input::default();
    }

    /// Sends `frames`, one or more whole frames, on `link`.
    #[inline]
    pub fn send(&mut self, link: LinkId, frames: &[u8]) {
        if let Some(range) = self.input.range(frames) {
            return self.send_stored(link, range);
        }
        let range = self.store(|arena| arena.extend_from_slice(frames));
        self.send_stored(link, range);
    }

    /// Stores whole frames in the arena: `write` appends them.
    /// [`send_stored`](Self::send_stored) sends them on any number of links, until the driver
    /// clears the outbox.
    #[inline]
    pub fn store(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> ByteRange {
        let start = self.arena.len();
        write(&mut self.arena);
        ByteRange::new(start, self.arena.len(), RangeKind::Arena)
    }

    /// Like [`store`](Self::store), for deferred sends. The driver may delay them to combine many of
    /// them in one write, for instance when every client gets every registration.
    #[inline]
    pub fn store_deferred(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> ByteRange {
        let start = self.deferred.len();
        write(&mut self.deferred);
        ByteRange::new(start, self.deferred.len(), RangeKind::Deferred)
    }

    /// Sends stored frames on `link`.
    #[inline]
    pub fn send_stored(&mut self, link: LinkId, range: ByteRange) {
        if range.is_empty() {
            return;
        }
        if let Some(Effect::Send {
            link: last,
            range: before,
        }) = self.effects.last_mut()
            && *last == link
            && let Some(both) = before.merge(range)
        {
            *before = both;
            return;
        }
        self.effects.push(Effect::Send { link, range });
    }

    /// The end of the list of effects, for [`take_back`](Self::take_back).
    #[must_use]
    pub fn mark(&self) -> OutboxMark {
        let last = match self.effects.last() {
            Some(Effect::Send { range, .. }) => Some(*range),
            _ => None,
        };
        let effects = self.effects.len();
        OutboxMark { effects, last }
    }

    /// Takes back what was sent on `link` since `mark`, and returns its bytes, but not bytes that
    /// are in the buffer that is [set as input](Self::set_input). The driver must not have
    /// executed any effect since.
    pub fn take_back(&mut self, mark: OutboxMark, link: LinkId) -> Vec<u8> {
        let mut bytes = Vec::new();
        let before = mark.effects.checked_sub(1);
        if let Some(Effect::Send { link: to, range }) = before.and_then(|at| self.effects.get(at))
            && let Some(last) = mark.last
            && *to == link
            && let Some(grown) = range.behind(last)
        {
            bytes.extend_from_slice(self.bytes(grown));
            if let Some(Effect::Send { range, .. }) = self.effects.get_mut(mark.effects - 1) {
                *range = last;
            }
        }
        let since = self.effects.split_off(mark.effects.min(self.effects.len()));
        for effect in since {
            match effect {
                Effect::Send { link: to, range } if to == link && range.input_range().is_none() => {
                    bytes.extend_from_slice(self.bytes(range));
                }
                other => self.effects.push(other),
            }
        }
        bytes
    }

    /// Bounds the send queue of `link`. See [`Effect::Bound`].
    pub fn bound(&mut self, link: LinkId, bytes_max: usize) {
        self.effects.push(Effect::Bound { link, bytes_max });
    }

    /// Watches the send queue of `link`. See [`Effect::Watch`].
    pub fn watch(&mut self, link: LinkId, step: usize) {
        self.effects.push(Effect::Watch { link, step });
    }

    /// Stops reading from `link`, or goes on. See [`Effect::Pause`].
    pub fn pause(&mut self, link: LinkId, paused: bool) {
        self.effects.push(Effect::Pause { link, paused });
    }

    /// Says at which address the peer of `link` is. See [`Effect::Readdress`].
    pub fn readdress(&mut self, link: LinkId, peer: SocketAddr) {
        self.effects.push(Effect::Readdress { link, peer });
    }

    /// Closes `link`. See [`Effect::Close`].
    pub fn close(&mut self, link: LinkId, when: CloseWhen) {
        self.effects.push(Effect::Close { link, when });
    }

    /// Connects to a peer, wherever it is. See [`Effect::Dial`].
    pub fn dial(&mut self, dial: DialId, to: PeerAddress) {
        self.dial_within(dial, to, None);
    }

    /// Connects to a peer whose address is in one of these networks. See [`Effect::Dial`].
    pub fn dial_within(&mut self, dial: DialId, to: PeerAddress, within: Option<Arc<[IpNet]>>) {
        self.effects.push(Effect::Dial { dial, to, within });
    }

    /// Reports something to the user or operator. See [`Effect::Notice`].
    pub fn notice(&mut self, notice: N) {
        self.effects.push(Effect::Notice(notice));
    }

    /// Ends the driver's run. See [`Effect::Stop`].
    pub fn stop(&mut self) {
        self.effects.push(Effect::Stop);
    }

    /// The effects so far, in order.
    #[must_use]
    pub fn effects(&self) -> &[Effect<N>] {
        &self.effects
    }

    /// The bytes that an [`Effect::Send`] of this outbox refers to.
    ///
    /// # Panics
    ///
    /// If `range` refers to the buffer that is [set as input](Self::set_input).
    #[inline]
    #[must_use]
    pub fn bytes(&self, range: ByteRange) -> &[u8] {
        assert!(
            range.input_range().is_none(),
            "these bytes are in the input buffer"
        );
        let bytes = if range.is_deferred() {
            &self.deferred
        } else {
            &self.arena
        };
        &bytes[range.positions()]
    }

    /// The number of stored bytes, immediate and deferred.
    #[must_use]
    pub fn arena_len(&self) -> usize {
        self.arena.len() + self.deferred.len()
    }

    /// The number of stored bytes of deferred sends.
    #[must_use]
    pub fn deferred_len(&self) -> usize {
        self.deferred.len()
    }

    /// Takes the list of effects. The bytes that they refer to stay readable until
    /// [`clear`](Self::clear).
    pub fn take_effects(&mut self) -> Vec<Effect<N>> {
        core::mem::take(&mut self.effects)
    }

    /// Drains the effects in order and keeps the list's memory. The bytes that they refer to
    /// stay readable until [`clear`](Self::clear).
    pub fn drain_effects(&mut self) -> impl Iterator<Item = Effect<N>> + '_ {
        self.effects.drain(..)
    }

    /// Clears the outbox after the driver has executed its effects. `effects` is the list from
    /// [`take_effects`](Self::take_effects), for reuse. An arena larger than `arena_bytes_max` is
    /// freed.
    pub fn clear(&mut self, mut effects: Vec<Effect<N>>, arena_bytes_max: usize) {
        effects.clear();
        self.effects = effects;
        self.clear_immediate(arena_bytes_max);
        self.deferred.clear();
        if self.deferred.capacity() > arena_bytes_max {
            self.deferred = Vec::new();
        }
    }

    /// Clears the bytes of immediate sends after the driver has written them. An arena larger
    /// than `arena_bytes_max` is freed.
    pub fn clear_immediate(&mut self, arena_bytes_max: usize) {
        self.arena.clear();
        if self.arena.capacity() > arena_bytes_max {
            self.arena = Vec::new();
        }
    }

    /// Drops all effects and bytes.
    pub fn reset(&mut self) {
        self.effects.clear();
        self.arena.clear();
        self.deferred.clear();
    }

    /// Runs `inner` with an outbox of another notice type, for a machine that contains another
    /// machine. `map` converts the inner machine's notices or drops them. `scratch` is a list for
    /// reuse.
    pub fn nested<M>(
        &mut self,
        scratch: &mut Vec<Effect<M>>,
        inner: impl FnOnce(&mut Outbox<M>),
        mut map: impl FnMut(M) -> Option<N>,
    ) {
        let mut outbox = Outbox {
            arena: core::mem::take(&mut self.arena),
            deferred: core::mem::take(&mut self.deferred),
            effects: core::mem::take(scratch),
            input: self.input,
        };
        inner(&mut outbox);
        self.arena = outbox.arena;
        self.deferred = outbox.deferred;
        for effect in outbox.effects.drain(..) {
            match effect {
                Effect::Send { link, range } => self.send_stored(link, range),
                Effect::Bound { link, bytes_max } => self.bound(link, bytes_max),
                Effect::Watch { link, step } => self.watch(link, step),
                Effect::Pause { link, paused } => self.pause(link, paused),
                Effect::Readdress { link, peer } => self.readdress(link, peer),
                Effect::Close { link, when } => self.close(link, when),
                Effect::Dial { dial, to, within } => self.dial_within(dial, to, within),
                Effect::Notice(notice) => self.effects.extend(map(notice).map(Effect::Notice)),
                Effect::Stop => self.stop(),
            }
        }
        *scratch = outbox.effects;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: LinkId = LinkId::new(1, 1);

    fn ranges(out: &Outbox<()>) -> Vec<ByteRange> {
        let range = |effect: &Effect<()>| match effect {
            Effect::Send { range, .. } => *range,
            _ => panic!("only sends"),
        };
        out.effects().iter().map(range).collect()
    }

    #[test]
    fn input_is_not_copied_and_other_bytes_are() {
        let event = *b"one two three";
        let other = event;
        let mut out = Outbox::new();
        out.set_input(&event, 100);
        out.send(LINK, &event[..4]);
        out.send(LINK, &event[4..8]);
        out.send(LINK, &other[..4]);
        out.send(LINK, &event[8..]);
        let sent = ranges(&out);
        assert_eq!(sent.len(), 3, "neighbours are one");
        assert_eq!(sent[0].input_range(), Some(100..108));
        assert_eq!(
            (sent[1].input_range(), out.bytes(sent[1])),
            (None, &b"one "[..])
        );
        assert_eq!(sent[2].input_range(), Some(108..113));
        assert_eq!(out.arena_len(), 4);
        out.clear_input();
        out.send(LINK, &event[..3]);
        assert_eq!(out.bytes(ranges(&out)[3]), b"one");
    }

    #[test]
    fn bytes_beyond_the_input_are_copied() {
        let all = *b"before, data, after";
        let mut out = Outbox::new();
        out.set_input(&all[8..12], 0);
        for part in [&all[7..12], &all[8..13], &all[..], &all[..3], &all[13..]] {
            out.send(LINK, part);
        }
        assert!(
            ranges(&out)
                .iter()
                .all(|range| range.input_range().is_none())
        );
        out.send(LINK, &all[8..12]);
        assert_eq!(ranges(&out).last().unwrap().input_range(), Some(0..4));
    }

    #[test]
    fn what_was_sent_since_a_mark_is_taken_back() {
        let other = LinkId::new(2, 1);
        let mut out: Outbox<()> = Outbox::new();
        out.send(LINK, b"a");
        let mark = out.mark();
        out.send(LINK, b"b");
        out.send(other, b"c");
        let shared = out.store(|arena| arena.push(b'd'));
        out.send_stored(LINK, shared);
        out.send_stored(other, shared);
        assert_eq!(out.take_back(mark, LINK), b"bd");
        let left: Vec<_> = ranges(&out).iter().map(|it| out.bytes(*it)).collect();
        assert_eq!(left, [b"a", b"c", b"d"]);
        // Nothing was sent.
        let mark = out.mark();
        assert_eq!(out.take_back(mark, other), b"");
        out.send(LINK, b"e");
        assert_eq!(out.take_back(mark, other), b"");
        assert_eq!(out.bytes(ranges(&out)[3]), b"e");
    }

    #[test]
    fn a_nested_outbox_has_the_same_input() {
        let event = *b"frame";
        let mut out = Outbox::new();
        out.set_input(&event, 0);
        let mut scratch = Vec::new();
        out.nested(
            &mut scratch,
            |inner: &mut Outbox<u8>| inner.send(LINK, &event),
            |_| None,
        );
        assert_eq!(ranges(&out)[0].input_range(), Some(0..5));
    }
}
