//! What a machine wants done: one arena of bytes and an ordered list of effects.
//!
//! Made for the hot path: a relayed chat costs one copy into the arena, and no
//! allocation once the arena has grown. Neighbouring sends to one link merge
//! into one effect; a broadcast stands in the arena once, however many links it
//! goes to. Who carries the effects out, and when, is not known here.

use crate::link::{DialId, LinkId, PeerAddress};
use crate::machine::{CloseWhen, Effect, Range};

/// Collects effects until the driver has carried them out.
#[derive(Debug)]
pub struct Outbox<N> {
    arena: Vec<u8>,
    /// What is told to many, kept apart: it may stay longer than the rest.
    news: Vec<u8>,
    effects: Vec<Effect<N>>,
}

impl<N> Default for Outbox<N> {
    fn default() -> Self {
        Outbox {
            arena: Vec::new(),
            news: Vec::new(),
            effects: Vec::new(),
        }
    }
}

impl<N> Outbox<N> {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends `frames`, whole frames, on `link`.
    #[inline]
    pub fn send(&mut self, link: LinkId, frames: &[u8]) {
        let range = self.store(|arena| arena.extend_from_slice(frames));
        self.send_stored(link, range);
    }

    /// Puts whole frames into the arena without sending them yet: `write`
    /// appends them. [`send_stored`](Self::send_stored) sends them, as often as
    /// needed, until the outbox is cleared.
    #[inline]
    pub fn store(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range {
        let start = self.arena.len();
        write(&mut self.arena);
        Range::new(start, self.arena.len(), false)
    }

    /// Like [`store`](Self::store), for what many are told and nobody minds if
    /// it comes a moment later: who is told of every host that comes and goes is
    /// told of many in one write.
    #[inline]
    pub fn store_news(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range {
        let start = self.news.len();
        write(&mut self.news);
        Range::new(start, self.news.len(), true)
    }

    /// Sends frames that stand in the arena.
    #[inline]
    pub fn send_stored(&mut self, link: LinkId, range: Range) {
        if range.is_empty() {
            return;
        }
        if let Some(Effect::Send {
            link: last,
            range: before,
        }) = self.effects.last_mut()
            && *last == link
            && let Some(both) = before.and(range)
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
    #[inline]
    #[must_use]
    pub fn bytes(&self, range: Range) -> &[u8] {
        let bytes = if range.is_news() {
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
    pub fn news_len(&self) -> usize {
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
        self.clear_all_but_news(arena_bytes_max);
        self.news.clear();
        if self.news.capacity() > arena_bytes_max {
            self.news = Vec::new();
        }
    }

    /// Empties the arena of all but news, after it has been sent. An arena that
    /// has grown beyond `arena_bytes_max` is given back to the system.
    pub fn clear_all_but_news(&mut self, arena_bytes_max: usize) {
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
