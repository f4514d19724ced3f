//! MODE `b`, `e` and `I`: the lists of masks of a channel.

use crc_machine::LinkId;
use crc_wire::HostId;
use irc_wire::{ModeChange, Numeric, Sign, text};

use super::mode::is_word;
use super::reply;
use crate::context::{Context, Out};
use crate::network::{
    Channel, MASK_BYTES_MAX, MASK_LISTS, MASKS_MAX, MaskList, normal_channel_mask,
};
use crate::work;

/// Sends the masks of a list, who has set them and when, and its end.
pub(super) fn send_masks(
    cx: &Context,
    link: LinkId,
    channel: &Channel,
    list: MaskList,
    out: &mut Out,
) {
    let (entry, end, text) = match list.letter {
        b'e' => (
            Numeric::RPL_EXCEPTLIST,
            Numeric::RPL_ENDOFEXCEPTLIST,
            "End of channel exception list",
        ),
        b'I' => (
            Numeric::RPL_INVITELIST,
            Numeric::RPL_ENDOFINVITELIST,
            "End of channel invite exception list",
        ),
        _ => (
            Numeric::RPL_BANLIST,
            Numeric::RPL_ENDOFBANLIST,
            "End of channel ban list",
        ),
    };
    for (mask, origin) in cx.masks_with_origins(channel, list) {
        cx.work.charge(work::LINE);
        let seconds = origin.seconds.to_string();
        let words = [channel.name(), mask, &origin.setter, &seconds];
        reply::send_numeric(cx, link, entry, &words, None, out);
    }
    reply::send_numeric(cx, link, end, &[channel.name()], Some(text), out);
}

/// The lists of a channel while a MODE changes them.
#[derive(Debug)]
pub(super) struct MaskLists([Vec<String>; MASK_LISTS.len()]);

impl MaskLists {
    pub(super) fn of(channel: &Channel) -> MaskLists {
        let masks = |list: MaskList| channel.masks(list.field).map(str::to_owned).collect();
        MaskLists(MASK_LISTS.map(masks))
    }

    /// Adds or removes a mask. One that is no word, is too long, has blanks or control characters,
    /// or has no room in its list is answered with an error.
    pub(super) fn change(
        &mut self,
        cx: &Context,
        link: LinkId,
        name: &str,
        change: &ModeChange<'_>,
        out: &mut Out,
    ) {
        let mut lists = self.0.iter_mut().zip(MASK_LISTS);
        let Some((masks, list)) = lists.find(|(_, list)| list.letter == change.letter) else {
            return;
        };
        let written = change.param.unwrap_or_default();
        let mask = normal_channel_mask(written);
        let mask = text::utf8_or_latin1(&mask);
        // The list is separated by blanks, so a mask has none.
        let bad = |c: char| c.is_control() || c.is_whitespace();
        let is_mask = is_word(&text::utf8_or_latin1(written))
            && mask.len() <= MASK_BYTES_MAX
            && !mask.contains(bad);
        // A client of the binary protocol may have set a mask that is not complete.
        let known =
            |known: &String| known.eq_ignore_ascii_case(&mask) || known.as_bytes() == written;
        match (change.sign, masks.iter().position(known)) {
            (Sign::Minus, Some(place)) => {
                masks.remove(place);
            }
            (Sign::Plus, None) if !is_mask => {
                let letter = char::from(list.letter).to_string();
                let (words, text) = ([name, &letter, &mask], Some("Not a mask"));
                let numeric = Numeric::ERR_INVALIDMODEPARAM;
                reply::send_numeric(cx, link, numeric, &words, text, out);
            }
            (Sign::Plus, None) if masks.len() >= MASKS_MAX => {
                let words = [name, &mask];
                reply::reply_error(cx, link, Numeric::ERR_BANLISTFULL, &words, out);
            }
            (Sign::Plus, None) => masks.push(mask.into_owned()),
            (Sign::Minus, None) | (Sign::Plus, Some(_)) => {}
        }
    }

    /// Sets the lists that have changed.
    pub(super) fn store(self, cx: &mut Context, by: HostId, name: &str, out: &mut Out) {
        for (masks, list) in self.0.into_iter().zip(MASK_LISTS) {
            let value = masks.join(" ");
            let channel = cx.network.channels().find(name);
            if channel.is_some_and(|channel| channel.value(list.field) != value) {
                cx.set_masks(name, list, by, &value, out);
            }
        }
    }
}
