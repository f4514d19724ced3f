//! The lists of masks of channels: their changes, and who has made them.

use std::collections::BTreeMap;

use crc_wire::HostId;

use super::{Context, Out};
use crate::network::{Channel, MaskList, MaskOrigin, parse_origins, write_origins};
use crate::work;

impl Context {
    /// Who has put each mask into a list, and when, in the order of the masks. What is not known
    /// of a mask, because it was set at an earlier server, is what is known of the whole list.
    pub(crate) fn masks_with_origins<'c>(
        &self,
        channel: &'c Channel,
        list: MaskList,
    ) -> Vec<(&'c str, MaskOrigin)> {
        let setters = channel.value(list.setters);
        self.work.charge(work::units_of(setters.len() * 2));
        let mut known = parse_origins(setters);
        let setting = channel.settings().find(list.field);
        let of_list = setting.map_or_else(
            || MaskOrigin::new("", self.config.name.as_str(), 0),
            |setting| {
                let seconds = self.wall_ms_of(setting.version) / 1000;
                MaskOrigin::new(&setting.setter, self.config.name.as_str(), seconds)
            },
        );
        let masks = channel.masks(list.field);
        let with_origin = masks.map(|mask| {
            let origin = known.remove(mask);
            (mask, origin.unwrap_or_else(|| of_list.clone()))
        });
        with_origin.collect()
    }

    /// A host of this server changes a list of masks. Who has set the masks that stay, and when,
    /// stays as it is. Other servers hear of that before they hear of the masks.
    pub(crate) fn set_masks(
        &mut self,
        name: &str,
        list: MaskList,
        by: HostId,
        value: &str,
        out: &mut Out,
    ) {
        let Some(channel) = self.network.channels().find(name) else {
            return;
        };
        let known = self.masks_with_origins(channel, list);
        let mut known: BTreeMap<&str, MaskOrigin> = known.into_iter().collect();
        let seconds = self.wall_ms() / 1000;
        let own = MaskOrigin::new(
            &self.setter_text(Some(by)),
            self.config.name.as_str(),
            seconds,
        );
        let masks = value.split_ascii_whitespace();
        let origins = masks.map(|mask| {
            let origin = known.remove(mask);
            (mask, origin.unwrap_or_else(|| own.clone()))
        });
        let setters = write_origins(origins);
        self.set_channel(name, list.setters, Some(by), &setters, out);
        self.set_channel(name, list.field, Some(by), value, out);
    }
}
