//! Questions of users to servers elsewhere, and their answers (PROTOCOL section 13).

use crc_wire::{ChannelRequest, HostId, RequestKind, Text};

use super::{Context, Out, server_request};
use crate::announcement::Announcement;
use crate::irc;
use crate::network::Host;
use crate::question::{Question, Reply};

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
