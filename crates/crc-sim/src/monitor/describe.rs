//! Describes frames for lines of the trace.

use crc_wire::{Frame, FrameLimits, HostId, Message};

/// The frames in some bytes.
pub(super) fn describe_frames(mut bytes: &[u8]) -> String {
    // No frame begins with such bytes.
    let is_text = |bytes: &[u8]| bytes.len() > 3 && bytes.iter().all(u8::is_ascii);
    if is_text(bytes) && bytes[..3].iter().all(u8::is_ascii_graphic) {
        return format!("{:?}", String::from_utf8_lossy(bytes));
    }
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = Frame::take(&mut bytes, FrameLimits::WIRE) {
        frames.push(match frame.message() {
            Ok(message) => describe_message(&message),
            Err(error) => format!("an invalid frame: {error}"),
        });
    }
    if !bytes.is_empty() {
        frames.push(format!("{} bytes more", bytes.len()));
    }
    frames.join("; ")
}

fn describe_message(message: &Message<'_>) -> String {
    match message {
        Message::ServerRegistration(m) => format!("server {} {:?}", m.source, m.info.as_str()),
        Message::ClientRegistration(m) => format!(
            "client {} {:?} {:?}",
            m.source,
            m.name.as_str(),
            m.info.as_str()
        ),
        Message::ClientChat(m) => format!(
            "chat {}->{} {:?}",
            m.source,
            m.destination.map_or(0, HostId::get),
            m.text.as_str().split(' ').next().unwrap_or_default()
        ),
        Message::ClientQuit(m) => format!("quit {} {:?}", m.source, m.text.as_str()),
        Message::ServerQuit(m) => format!(
            "server quit {} by {} {:?}",
            m.source,
            m.replacement.map_or(0, HostId::get),
            m.text.as_str()
        ),
        Message::Status(m) => format!("status {} {:?}", m.code, m.text.as_str()),
        Message::ChannelJoin(m) => {
            format!("{} joins {} {:?}", m.source, m.channel.as_str(), m.flags)
        }
        Message::DatedJoin(m) => {
            let (source, channel) = (m.source, m.channel.as_str());
            format!("{source} joins {channel} of {} {:?}", m.founded, m.flags)
        }
        Message::ChannelPart(m) => format!("{} parts {}", m.source, m.channel.as_str()),
        Message::ChannelChat(m) => format!(
            "chat {}->{} {:?}",
            m.source,
            m.channel.as_str(),
            m.text.as_str()
        ),
        Message::TaggedChat(m) => {
            let to = m.destination.map_or(0, HostId::get);
            let channel = m.channel.as_ref().map_or("", |name| name.as_str());
            format!(
                "tagged chat {}->{to}{channel} {:?} {} {:?}",
                m.source,
                m.audience,
                m.tags.as_str(),
                m.text.as_str()
            )
        }
        Message::ChannelSetting(m) => format!(
            "{} {} is {:?}, version {}",
            m.channel.as_str(),
            m.field.0,
            m.value.as_str(),
            m.version
        ),
        Message::DatedSetting(m) => format!(
            "{} of {}: {} is {:?}, version {}",
            m.channel.as_str(),
            m.founded,
            m.field.0,
            m.value.as_str(),
            m.version
        ),
        Message::ChannelRequest(m) => format!("{} requests {}", m.source, m.kind.0),
        _ => "another frame".to_owned(),
    }
}
