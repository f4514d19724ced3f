//! Questions of users to servers elsewhere, and their answers (PROTOCOL section 13).

use crc_wire::{ChannelRequest, HostId, RequestKind, Text};

use super::{Context, Out, server_request};
use crate::announcement::Announcement;
use crate::network::{Host, HostKind};
use crate::question::{Question, Reply};
use crate::{crc, irc};

impl Context {
    /// Whether a server, but not this one, answers questions.
    pub(crate) fn answers_questions(&self, server: HostId) -> bool {
        let host = self.network.directory().find(server);
        let machine = host.and_then(Host::machine);
        machine.is_some_and(|machine| Announcement::parse(machine).features.questions)
    }

    /// Asks the server of `about`, or the server that this is.
    pub(crate) fn ask(&mut self, by: HostId, about: HostId, question: Question<'_>, out: &mut Out) {
        let kind = RequestKind::QUESTION;
        let request = server_request(by, Some(about), kind, &question.to_string());
        self.channel_request(&request, out);
    }

    /// The server to ask for how long a user has said nothing, if another one knows: that is known
    /// of users of IRC.
    pub(crate) fn idle_known_by(&self, user: HostId) -> Option<HostId> {
        let host = self.network.directory().find(user)?;
        let details = host.details();
        let is_of_irc = host.kind() == HostKind::Client && !details.user.is_empty();
        let home = details.home.filter(|home| *home != self.config.id);
        home.filter(|home| is_of_irc && self.answers_questions(*home))
    }

    /// A server has answered a user of this server.
    pub(super) fn on_question_answered(
        &mut self,
        server: HostId,
        user: HostId,
        text: &str,
        out: &mut Out,
    ) {
        let host = self.network.directory().find(user);
        let link = host.map(Host::first_link);
        let was_asked = match (Reply::parse(text), link) {
            (Some(reply), Some(link)) if self.is_crc(link) => {
                crc::questions::on_reply(self, link, server, reply, out)
            }
            (Some(reply), Some(link)) => irc::on_reply(self, link, server, reply),
            _ => false,
        };
        if !was_asked {
            self.counters.dropped += 1;
        }
    }

    /// A user of another server has a question to this one.
    pub(super) fn on_question(&mut self, request: &ChannelRequest<'_>, out: &mut Out) {
        let question = Question::parse(request.text.as_str());
        let (Some(question), Some(about)) = (question, request.destination) else {
            self.counters.dropped += 1;
            return;
        };
        let lines = irc::answer_question(self, question, (request.source, about), out);
        let reply = Reply {
            number: question.number,
            lines: &lines,
        };
        let answer = ChannelRequest {
            source: self.config.id,
            destination: Some(request.source),
            kind: RequestKind::REPLY,
            channel: None,
            text: Text::truncated(&reply.to_string()).into_owned(),
        };
        self.channel_request(&answer, out);
    }
}
