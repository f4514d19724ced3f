//! Lines of the legacy dialect to messages.

use super::{COLLISION, Content, LegacyError, Message, Middle, Trailing, WELCOME};
use crate::command::{Command, Verb};
use crate::numeric::Numeric;

impl<'a> Message<'a> {
    /// Parses a message of IRC as one of the legacy dialect, without copying.
    ///
    /// # Errors
    ///
    /// Returns [`LegacyError`] if the dialect has no such message.
    pub fn from_message(line: &crate::Message<'a>) -> Result<Self, LegacyError> {
        for param in line.params.iter() {
            core::str::from_utf8(param)?;
        }
        let source = line.prefix.map(|prefix| prefix.name());
        let source = source.map(core::str::from_utf8).transpose()?;
        let params = Reader { line };
        Ok(Message {
            source: source.map(middle).transpose()?,
            content: match line.command {
                Command::Verb(verb) => params.content_of_verb(verb)?,
                Command::Numeric(numeric) => params.content_of_numeric(numeric)?,
                Command::Other(_) => return Err(LegacyError::UnknownCommand),
            },
        })
    }
}

impl<'a> TryFrom<&crate::Message<'a>> for Message<'a> {
    type Error = LegacyError;

    fn try_from(line: &crate::Message<'a>) -> Result<Self, LegacyError> {
        Message::from_message(line)
    }
}

/// Reads the parameters of a line as words and texts.
struct Reader<'l, 'a> {
    line: &'l crate::Message<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn content_of_verb(&self, verb: Verb) -> Result<Content<'a>, LegacyError> {
        Ok(match verb {
            Verb::User => Content::User {
                nick: self.word(0)?,
                host: self.word(1)?,
                server: self.word(2)?,
                real_name: self.maybe_text(3)?,
            },
            Verb::Server => {
                let (name, hops) = (self.word(0)?, self.word(1)?);
                Content::Server {
                    name,
                    hops: hops.0.parse().map_err(|_| LegacyError::Hops)?,
                    info: self.maybe_text(2)?,
                }
            }
            Verb::Quit => Content::Quit {
                text: self.maybe_text(0)?,
            },
            Verb::Join => Content::Join {
                channel: self.word(0)?,
                key: self.maybe_word(1)?,
            },
            Verb::Part => Content::Part {
                channel: self.word(0)?,
            },
            Verb::Topic => Content::Topic {
                channel: self.word(0)?,
                topic: self.maybe_text(1)?,
            },
            Verb::Names => Content::Names {
                channel: self.maybe_word(0)?,
            },
            Verb::Privmsg => {
                let text = self.text(1)?;
                Content::Privmsg {
                    target: self.word(0)?,
                    text,
                }
            }
            Verb::Squit => Content::Squit {
                name: self.word(0)?,
                reason: self.maybe_text(1)?,
            },
            Verb::Error => Content::Error {
                text: self.text(0)?,
            },
            _ => return Err(LegacyError::UnknownCommand),
        })
    }

    fn content_of_numeric(&self, numeric: Numeric) -> Result<Content<'a>, LegacyError> {
        Ok(match numeric {
            Numeric::RPL_WELCOME => {
                let who = self.text(0)?.0.strip_prefix(WELCOME);
                let (nick, rest) = split(who, '!')?;
                let (user, host) = split(Some(rest), '@')?;
                Content::Welcome {
                    nick: middle(nick)?,
                    user: middle(user)?,
                    host: middle(host)?,
                }
            }
            Numeric::RPL_NOTOPIC => Content::NoTopic {
                channel: self.word(0)?,
            },
            Numeric::RPL_TOPIC => Content::TopicReply {
                channel: self.word(0)?,
                topic: self.text(1)?,
            },
            Numeric::RPL_NAMREPLY => {
                let nicks = self.text(1)?;
                let channel = self.word(0)?;
                Content::NamesReply {
                    channel: (channel.0 != "*").then_some(channel),
                    nicks,
                }
            }
            Numeric::RPL_ENDOFNAMES => Content::EndOfNames,
            Numeric::ERR_NOSUCHNICK => Content::NoSuchNick {
                nick: self.word(0)?,
            },
            Numeric::ERR_NOSUCHCHANNEL => Content::NoSuchChannel {
                channel: self.word(0)?,
            },
            Numeric::ERR_CANNOTSENDTOCHAN => Content::CannotSend {
                channel: self.word(0)?,
            },
            Numeric::ERR_UNKNOWNCOMMAND => Content::UnknownCommand {
                command: self.word(0)?,
            },
            Numeric::ERR_ERRONEUSNICKNAME => Content::BadNick {
                nick: self.word(0)?,
            },
            Numeric::ERR_NICKCOLLISION => {
                let (user, host) = split(self.text(1)?.0.strip_prefix(COLLISION), '@')?;
                Content::NickCollision {
                    nick: self.word(0)?,
                    user: middle(user)?,
                    host: middle(host)?,
                }
            }
            Numeric::ERR_NOTONCHANNEL => Content::NotOnChannel {
                channel: self.word(0)?,
            },
            Numeric::ERR_NOTREGISTERED => Content::NotRegistered,
            Numeric::ERR_NEEDMOREPARAMS => Content::NeedMoreParams {
                command: self.word(0)?,
            },
            Numeric::ERR_ALREADYREGISTRED => Content::AlreadyRegistered,
            Numeric::ERR_BADCHANNELKEY => Content::BadChannelKey {
                channel: self.word(0)?,
            },
            Numeric::ERR_TOOMANYCHANNELS => Content::TooManyChannels {
                channel: self.word(0)?,
            },
            Numeric::ERR_CHANNELISFULL => Content::ChannelIsFull {
                channel: self.word(0)?,
            },
            Numeric::ERR_INVITEONLYCHAN => Content::InviteOnly {
                channel: self.word(0)?,
            },
            Numeric::ERR_BANNEDFROMCHAN => Content::Banned {
                channel: self.word(0)?,
            },
            Numeric::ERR_CHANOPRIVSNEEDED => Content::NotOperator {
                channel: self.word(0)?,
            },
            _ => return Err(LegacyError::UnknownCommand),
        })
    }

    fn maybe_text(&self, at: usize) -> Result<Option<Trailing<'a>>, LegacyError> {
        let text = self.line.params.get(at).map(core::str::from_utf8);
        Ok(text.transpose()?.map(Trailing))
    }

    fn text(&self, at: usize) -> Result<Trailing<'a>, LegacyError> {
        self.maybe_text(at)?.ok_or(LegacyError::NeedMoreParams)
    }

    fn maybe_word(&self, at: usize) -> Result<Option<Middle<'a>>, LegacyError> {
        let text = self.maybe_text(at)?;
        text.map(|text| middle(text.0)).transpose()
    }

    fn word(&self, at: usize) -> Result<Middle<'a>, LegacyError> {
        self.maybe_word(at)?.ok_or(LegacyError::NeedMoreParams)
    }
}

fn middle(text: &str) -> Result<Middle<'_>, LegacyError> {
    Middle::new(text).map_err(|_| LegacyError::NotMiddle)
}

fn split(text: Option<&str>, mark: char) -> Result<(&str, &str), LegacyError> {
    let parts = text.and_then(|text| text.split_once(mark));
    parts.ok_or(LegacyError::Text)
}
