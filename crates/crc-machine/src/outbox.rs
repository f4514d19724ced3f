//! What a machine wants done: one arena of bytes and an ordered list of effects.
//!
//! Made for the hot path: a relayed chat costs at most one copy into the arena,
//! and no allocation once the arena has grown; none at all where whoever gave the
//! event [sets as input](Outbox::set_input) its bytes. Neighbouring sends to one link merge
//! into one effect; a broadcast stands in the arena once, however many links it
//! goes to. Who carries the effects out, and when, is not known here.

use crate::link::{DialId, LinkId, PeerAddress};
use crate::machine::{ByteRange, CloseWhen, Effect, RangeKind};

/// Collects effects until the driver has carried them out.
#[derive(Debug)]
pub struct Outbox<N> {
    arena: Vec<u8>,
    /// What is told to many, kept apart: it may stay longer than the rest.
    news: Vec<u8>,
    effects: Vec<Effect<N>>,
    lent: Lent,
}

/// The bytes of the event at hand, if they stay where they are: known by their
/// addresses, so that those of no other can be taken for them.
#[derive(Debug, Clone, Copy, Default)]
struct Lent {
    address: usize,
    len: usize,
    /// Where they begin in the buffer of whoever lends them.
    at: usize,
}

impl Lent {
    /// Where `bytes` stand in the buffer, if they are of those that were lent.
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

impl<N> Default for Outbox<N> {
    fn default() -> Self {
        Outbox {
            arena: Vec::new(),
            news: Vec::new(),
            effects: Vec::new(),
            lent: Lent::default(),
        }
    }
}

impl<N> Outbox<N> {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lends the bytes of the event that comes next. They stay as they are, and
    /// begin at `at` in a buffer of the lender, until all sends of it have been
    /// carried out: what is [sent](Self::send) of them is not copied, and is
    /// found by [`ByteRange::input_range`]. Holds until [`clear_input`](Self::clear_input),
    /// which must come before `bytes` are anything else.
    ///
    /// Who lends nothing need not look for what was lent.
    #[inline]
    pub fn set_input(&mut self, bytes: &[u8], at: usize) {
        self.lent = Lent {
            address: bytes.as_ptr().addr(),
            len: bytes.len(),
            at,
        };
    }

    /// Endpoints the time for which the event's bytes can be sent without a copy.
    #[inline]
    pub fn clear_input(&mut self) {
        self.lent = Lent::default();
    }

    /// Sends `frames`, whole frames, on `link`.
    #[inline]
    pub fn send(&mut self, link: LinkId, frames: &[u8]) {
        if let Some(range) = self.lent.range(frames) {
            return self.send_stored(link, range);
        }
        let range = self.store(|arena| arena.extend_from_slice(frames));
        self.send_stored(link, range);
    }

    /// Puts whole frames into the arena without sending them yet: `write`
    /// appends them. [`send_stored`](Self::send_stored) sends them, as often as
    /// needed, until the outbox is cleared.
    #[inline]
    pub fn store(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> ByteRange {
        let start = self.arena.len();
        write(&mut self.arena);
        ByteRange::new(start, self.arena.len(), RangeKind::Arena)
    }

    /// Like [`store`](Self::store), for what many are told and nobody minds if
    /// it comes a moment later: who is told of every host that comes and goes is
    /// told of many in one write.
    #[inline]
    pub fn store_deferred(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> ByteRange {
        let start = self.news.len();
        write(&mut self.news);
        ByteRange::new(start, self.news.len(), RangeKind::Deferred)
    }

    /// Sends frames that stand in the arena.
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

    /// Bounds what may wait to be sent on `link`. See [`Effect::Bound`].
    pub fn bound(&mut self, link: LinkId, bytes_max: usize) {
        self.effects.push(Effect::Bound { link, bytes_max });
    }

    /// Closes `link`. See [`Effect::Close`].
    pub fn close(&mut self, link: LinkId, when: CloseWhen) {
        self.effects.push(Effect::Close { link, when });
    }

    /// Tries to reach a peer. See [`Effect::Dial`].
    pub fn dial(&mut self, dial: DialId, to: PeerAddress) {
        self.effects.push(Effect::Dial { dial, to });
    }

    /// Tells whoever watches.
    pub fn notice(&mut self, notice: N) {
        self.effects.push(Effect::Notice(notice));
    }

    /// Endpoints the driver's run. See [`Effect::Stop`].
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
    /// When they are in the buffer that was [set as input](Self::set_input), and not here.
    #[inline]
    #[must_use]
    pub fn bytes(&self, range: ByteRange) -> &[u8] {
        assert!(range.input_range().is_none(), "the lender has these bytes");
        let bytes = if range.is_deferred() {
            &self.news
        } else {
            &self.arena
        };
        &bytes[range.places()]
    }

    /// How many bytes stand in the arena.
    #[must_use]
    pub fn arena_len(&self) -> usize {
        self.arena.len() + self.news.len()
    }

    /// How many of them are news.
    #[must_use]
    pub fn deferred_len(&self) -> usize {
        self.news.len()
    }

    /// Takes the effects out, to be carried out in order; the bytes they refer
    /// to stay readable until [`clear`](Self::clear).
    pub fn take_effects(&mut self) -> Vec<Effect<N>> {
        core::mem::take(&mut self.effects)
    }

    /// Takes the effects out one by one, in order, and keeps the list's memory
    /// for the next ones; the bytes they refer to stay readable until
    /// [`clear`](Self::clear).
    pub fn drain_effects(&mut self) -> impl Iterator<Item = Effect<N>> + '_ {
        self.effects.drain(..)
    }

    /// Empties the outbox after its effects have been carried out, and takes
    /// back the emptied list from [`take_effects`](Self::take_effects) to be
    /// filled again. An arena that has grown beyond `arena_bytes_max` is given
    /// back to the system.
    pub fn clear(&mut self, mut effects: Vec<Effect<N>>, arena_bytes_max: usize) {
        effects.clear();
        self.effects = effects;
        self.clear_immediate(arena_bytes_max);
        self.news.clear();
        if self.news.capacity() > arena_bytes_max {
            self.news = Vec::new();
        }
    }

    /// Empties the arena of all but news, after it has been sent. An arena that
    /// has grown beyond `arena_bytes_max` is given back to the system.
    pub fn clear_immediate(&mut self, arena_bytes_max: usize) {
        self.arena.clear();
        if self.arena.capacity() > arena_bytes_max {
            self.arena = Vec::new();
        }
    }

    /// Empties the outbox, whatever is in it.
    pub fn reset(&mut self) {
        self.effects.clear();
        self.arena.clear();
        self.news.clear();
    }

    /// Runs `inner` with an outbox for another kind of notice, which `map`
    /// turns into ours; so that a machine can hold another one.
    pub fn nested<M>(
        &mut self,
        scratch: &mut Vec<Effect<M>>,
        inner: impl FnOnce(&mut Outbox<M>),
        mut map: impl FnMut(M) -> Option<N>,
    ) {
        let mut outbox = Outbox {
            arena: core::mem::take(&mut self.arena),
            news: core::mem::take(&mut self.news),
            effects: core::mem::take(scratch),
            lent: self.lent,
        };
        inner(&mut outbox);
        self.arena = outbox.arena;
        self.news = outbox.news;
        for effect in outbox.effects.drain(..) {
            match effect {
                Effect::Send { link, range } => self.send_stored(link, range),
                Effect::Bound { link, bytes_max } => self.bound(link, bytes_max),
                Effect::Close { link, when } => self.close(link, when),
                Effect::Dial { dial, to } => self.dial(dial, to),
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
    fn what_was_lent_is_not_copied_and_all_else_is() {
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
    fn more_than_was_lent_is_copied() {
        let all = *b"before, lent, after";
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
    fn a_machine_within_another_is_lent_the_same() {
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
