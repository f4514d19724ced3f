//! Lines that are not UTF-8 (`UTF8ONLY`). No user gets anything that is not UTF-8: such a line is
//! refused, or converted where the client may not know better.

use crc_machine::LinkId;

use super::session::{Capability, User};
use super::{find_user, reply};
use crate::context::{Context, Out};

/// The capabilities of clients that are not older than `UTF8ONLY`.
const OF_TODAY: [Capability; 3] = [
    Capability::StandardReplies,
    Capability::LabeledResponse,
    Capability::MessageTags,
];

/// Whether a client gets an error for a line that is not UTF-8.
fn is_refused(user: &User) -> bool {
    OF_TODAY.into_iter().any(|capability| user.has(capability))
}

/// Refuses a line that is not UTF-8, if its client knows what that means. Whether it did.
pub(super) fn refuse(
    cx: &Context,
    link: LinkId,
    line: &[u8],
    command: &str,
    out: &mut Out,
) -> bool {
    if str::from_utf8(line).is_ok() || !find_user(cx, link).is_some_and(is_refused) {
        return false;
    }
    let text = "Message rejected, your IRC software MUST use UTF-8 encoding on this network";
    reply::send_fail(cx, link, (command, "INVALID_UTF8"), &[], text, out);
    true
}
