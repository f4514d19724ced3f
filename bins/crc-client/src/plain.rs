//! What people are shown line by line: which events are lines, which are folded, and what rings the
//! bell. It knows no terminal, thread or clock.

mod page;

use std::time::Duration;

use crc_core::{Client, ClientNotice, DisconnectReason, Escaped};
use crc_wire::HostId;

use crate::command::Target;
use crate::event::OutputEvent;
use crate::mention::mentions;
use crate::names::Names;
use crate::palette::Palette;
use crate::screen::ScreenOptions;
use crate::text::{self, LOSS_UNTOLD_MAX, Wording};

pub(crate) use page::Page;

/// What an event shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Lines.
    Lines {
        text: String,
        /// Whether the bell rings.
        rings: bool,
    },
    /// A client that comes or goes, into a channel or the network.
    Presence {
        channel: Option<String>,
        came: bool,
        name: String,
        /// What stands behind that if there is no other one.
        detail: String,
    },
}

/// See the module's comment.
#[derive(Debug)]
pub(crate) struct View {
    palette: Palette,
    highlights: Vec<String>,
    has_bell: bool,
    /// The id of this client, once a server has accepted it.
    own: Option<HostId>,
    /// Whether the list of clients of this server is complete.
    is_counted: bool,
    /// Whether their number is to be shown then.
    is_count_due: bool,
    /// The loss of the connection, as long as it is not shown: the client may be with another server
    /// in a moment.
    loss: Option<String>,
    /// Whether the last loss was shown.
    is_loss_shown: bool,
    /// Why, as it was shown: the same reason again, at the next attempt, is no news.
    shown_reason: Option<String>,
    target: Option<Target>,
}

impl View {
    pub(crate) fn new(options: &ScreenOptions) -> View {
        View {
            palette: options.palette,
            highlights: options.highlights.clone(),
            has_bell: options.bell,
            own: None,
            is_counted: false,
            is_count_due: true,
            loss: None,
            is_loss_shown: false,
            shown_reason: None,
            target: None,
        }
    }

    /// What an event shows. `names` know of it already.
    pub(crate) fn on_event(
        &mut self,
        event: &OutputEvent,
        client: &Client,
        names: &Names,
    ) -> Vec<Shown> {
        let mut shown = Vec::new();
        if let OutputEvent::TargetChanged { target } = event {
            self.target.clone_from(target);
        }
        match event {
            OutputEvent::Client(notice) => {
                self.on_notice(notice, event, client, names, &mut shown);
            }
            event => self.push(event, names, &mut shown),
        }
        if shown.is_empty()
            && !event.is_fatal()
            && let Some(error) = text::error(event, client)
        {
            let text = text::error_line(&error, self.wording(names));
            let rings = false;
            shown.push(Shown::Lines { text, rings });
        }
        if *event == OutputEvent::Settled {
            self.is_counted = true;
            if self.is_count_due {
                self.line(&text::others_here(names.len()), names, &mut shown);
            }
        }
        shown
    }

    fn wording<'n>(&self, names: &'n Names) -> Wording<'n> {
        Wording::for_people(self.palette, names)
    }

    /// Shows an event as its lines.
    fn push(&self, event: &OutputEvent, names: &Names, shown: &mut Vec<Shown>) {
        self.push_if_told(event, self.wording(names), false, shown);
    }

    fn push_if_told(
        &self,
        event: &OutputEvent,
        wording: Wording<'_>,
        rings: bool,
        shown: &mut Vec<Shown>,
    ) {
        if let Some(text) = text::lines(event, wording) {
            let rings = rings && self.has_bell;
            shown.push(Shown::Lines { text, rings });
        }
    }

    fn line(&self, text: &str, names: &Names, shown: &mut Vec<Shown>) {
        let text = text::event_line(text, self.wording(names));
        let rings = false;
        shown.push(Shown::Lines { text, rings });
    }

    fn on_notice(
        &mut self,
        notice: &ClientNotice,
        event: &OutputEvent,
        client: &Client,
        names: &Names,
        shown: &mut Vec<Shown>,
    ) {
        match notice {
            ClientNotice::Connected { .. } if self.own.is_some() => {}
            ClientNotice::Unreachable { .. } => {
                self.show_loss(shown);
                self.push(event, names, shown);
            }
            ClientNotice::Welcome { id, .. } => {
                let was_own = self.own.replace(*id) == Some(*id);
                self.is_loss_shown &= self.loss.is_none();
                self.loss = None;
                self.shown_reason = None;
                self.is_counted = false;
                self.is_count_due = !was_own || self.is_loss_shown;
                match was_own {
                    true => {
                        let text = format!("now connected to {}", client.server());
                        self.line(&text, names, shown);
                    }
                    false => self.push(event, names, shown),
                }
            }
            // There is a line about the welcome.
            ClientNotice::Moved { .. } => {}
            ClientNotice::Disconnected {
                reason,
                retry_in: Some(pause),
            } => self.on_loss(reason, *pause, event, names, shown),
            ClientNotice::Joined {
                previous_name: None,
                id,
                name,
                info,
            } if self.is_counted => shown.push(Shown::Presence {
                channel: None,
                came: true,
                name: names.shown(*id, Some(name)),
                detail: text::after_colon(info, self.wording(names)),
            }),
            // A number tells of them when the list is complete.
            ClientNotice::Joined {
                previous_name: None,
                ..
            } => {}
            ClientNotice::Left { id, name, text } => shown.push(Shown::Presence {
                channel: None,
                came: false,
                name: names.shown(*id, Some(name)),
                detail: text::after_colon(text, self.wording(names)),
            }),
            ClientNotice::ChannelEntered { rejoined: true, .. } if !self.is_loss_shown => {}
            ClientNotice::ChannelJoined { channel, member } => shown.push(Shown::Presence {
                channel: Some(channel.clone()),
                came: true,
                name: names.shown_ref(&member.client),
                detail: text::as_rank(member.flags),
            }),
            ClientNotice::ChannelLeft {
                channel,
                client,
                by: None,
                text,
            } if !names.is_own(client.id) => shown.push(Shown::Presence {
                channel: Some(channel.clone()),
                came: false,
                name: names.shown_ref(client),
                detail: text::after_colon(text, self.wording(names)),
            }),
            ClientNotice::ChannelLeft {
                channel, by: None, ..
            } => self.line(&format!("you left {}", Escaped(channel)), names, shown),
            ClientNotice::Chat {
                from, from_name, ..
            } => {
                // The user looks at the conversation with the target.
                let is_watched = self.is_target(*from, from_name.as_deref(), names);
                self.push_if_told(event, self.wording(names), !is_watched, shown);
            }
            ClientNotice::ChannelChat { from, text, .. } => {
                let is_mention = !names.is_own(from.id)
                    && names
                        .own_name()
                        .is_some_and(|name| mentions(text, name, &self.highlights));
                let wording = self.wording(names).mentioning(is_mention);
                self.push_if_told(event, wording, is_mention, shown);
            }
            _ => self.push(event, names, shown),
        }
    }

    fn on_loss(
        &mut self,
        reason: &DisconnectReason,
        pause: Duration,
        event: &OutputEvent,
        names: &Names,
        shown: &mut Vec<Shown>,
    ) {
        let is_short = pause < LOSS_UNTOLD_MAX;
        let is_loss = matches!(
            reason,
            DisconnectReason::Lost(_) | DisconnectReason::ServerLeaving
        );
        if self.own.is_some() && is_short && is_loss {
            self.loss = text::lines(event, self.wording(names));
            // Until it is.
            self.is_loss_shown = true;
        } else {
            self.show_loss(shown);
            self.is_loss_shown = true;
            let reason = Some(text::disconnect_reason(reason));
            if self.shown_reason != reason {
                self.push(event, names, shown);
                self.shown_reason = reason;
            }
        }
    }

    fn show_loss(&mut self, shown: &mut Vec<Shown>) {
        if let Some(text) = self.loss.take() {
            let rings = false;
            shown.push(Shown::Lines { text, rings });
        }
    }

    fn is_target(&self, id: HostId, name: Option<&str>, names: &Names) -> bool {
        match &self.target {
            Some(Target::Client(target)) => {
                names.resolve(target) == Some(id) || name == Some(target)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crc_core::ClientConfig;

    use super::*;

    #[test]
    fn the_same_reason_at_each_attempt_is_one_line() {
        let server = "127.0.0.1:33300".parse().unwrap();
        let client = Client::new(ClientConfig::new(server, "ann", "", 7)).unwrap();
        let options = ScreenOptions {
            palette: Palette::Plain,
            time_format: String::new(),
            highlights: Vec::new(),
            bell: false,
            notify: false,
            mouse: false,
        };
        let mut view = View::new(&options);
        let names = Names::default();
        let id = HostId::new(1).unwrap();
        let mut lines = |notice: ClientNotice| {
            let event = OutputEvent::Client(notice);
            view.on_event(&event, &client, &names).len()
        };
        let lost = |reason: DisconnectReason, seconds| ClientNotice::Disconnected {
            reason,
            retry_in: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(lines(lost(DisconnectReason::Silent, 1)), 1);
        // The other servers hold the id for a while.
        assert_eq!(lines(lost(DisconnectReason::IdTaken(id), 1)), 1);
        for seconds in 2..12 {
            assert_eq!(lines(lost(DisconnectReason::IdTaken(id), seconds)), 0);
        }
        let text = "Welcome".to_owned();
        assert_eq!(lines(ClientNotice::Welcome { id, text }), 1);
        assert_eq!(lines(lost(DisconnectReason::IdTaken(id), 1)), 1);
    }
}
