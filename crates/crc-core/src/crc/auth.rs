//! Which servers may link, and how they prove it (PROTOCOL section 10): by the address that
//! they have, or by a secret.
//!
//! A server that is dialled by one whose link has a secret answers with a challenge instead of
//! its introduction: its registration with a nonce. The dialler repeats its registration with a
//! nonce and a proof, and gets the other proof. Only then the conversation begins, as it does
//! without secrets: nothing of either network has crossed the link.

use crc_machine::{CloseWhen, LinkId, Origin};
use crc_wire::{HostId, Info, Name, Registration};

use super::introduction;
use super::uplink;
use crate::announcement::{Announcement, split_info};
use crate::config::is_permitted;
use crate::context::{Context, Out};
use crate::link::Phase;
use crate::link_auth::{
    Exchange, Nonce, Party, Prover, Secret, entry_for_accepted, entry_for_dialled,
};
use crate::network::{HostKind, PeerVersion};
use crate::violation::Violation;

/// How far two servers have come in proving their secret to each other.
#[derive(Debug)]
pub(crate) enum Auth {
    /// This server has sent its nonce to the one that has dialled it, which says to be this host.
    Challenged(Nonce, HostId, Name<'static>),
    /// This server has dialled the other one, and has proved the secret.
    Proving(Proving),
    /// Both have proved it, the other one as this host.
    Proved(HostId, Name<'static>),
    /// The other one, which says to be this host, may not link.
    Refused(HostId, Name<'static>),
    /// A client has registered so, and its password is being compared.
    Client(Registration<'static>),
}

impl Auth {
    /// The server that the peer says to be.
    pub(crate) fn claimed(&self) -> Option<(HostId, &str)> {
        match self {
            Auth::Proving(Proving { id, name, .. })
            | Auth::Challenged(_, id, name)
            | Auth::Proved(id, name)
            | Auth::Refused(id, name) => Some((*id, name.as_str())),
            Auth::Client(_) => None,
        }
    }
}

/// What a server that has dialled needs to check the proof of the other one.
#[derive(Debug)]
pub(crate) struct Proving {
    id: HostId,
    name: Name<'static>,
    own: Nonce,
    theirs: Nonce,
    secret: Secret,
}

/// How a server may link that has dialled this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    /// Its address is enough.
    ByAddress,
    /// It has to prove a secret.
    BySecret,
}

/// What an introduction of a server that was dialled is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Introduction {
    /// The beginning of the conversation.
    Valid,
    /// A part of the proof, which was dealt with, or a fault.
    Handled,
}

// The server that was dialled.

/// The peer of a new link registers as a server. Returns whether it may; if it has to prove a
/// secret first, or may not, that was sent.
pub(crate) fn on_registration(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    out: &mut Out,
) -> bool {
    if registration.source == cx.config.id {
        // This server has dialled itself, or the id is taken: no secret changes that.
        return true;
    }
    match admission(cx, link, registration.name.as_str()) {
        Ok(Admission::ByAddress) => true,
        Ok(Admission::BySecret) => {
            challenge(cx, link, registration, out);
            false
        }
        Err(violation) => {
            refuse(cx, link, registration, violation, out);
            false
        }
    }
}

fn admission(cx: &Context, link: LinkId, name: &str) -> Result<Admission, Violation> {
    let found = cx.links.find(link).ok_or(Violation::NotAServerPeer)?;
    let ip = found.endpoints.peer.ip();
    let config = &cx.config;
    if !is_permitted(&config.server_peers, ip) {
        return Err(Violation::NotAServerPeer);
    }
    let entry = entry_for_accepted(&config.links, name);
    if entry.is_some_and(|entry| entry.secret.is_some()) {
        return Ok(Admission::BySecret);
    }
    // That it is a v1 server is known later only: see `check_version`.
    match config.links.is_empty() || is_permitted(&config.v1_peers, ip) {
        true => Ok(Admission::ByAddress),
        false => Err(Violation::NoSecret),
    }
}

/// Closes the link of a server that may not link. The log says which server that is.
fn refuse(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    violation: Violation,
    out: &mut Out,
) {
    let name = registration.name.borrowed().into_owned();
    set_auth(cx, link, Auth::Refused(registration.source, name));
    cx.on_violation(link, violation, out);
}

fn challenge(cx: &mut Context, link: LinkId, registration: &Registration<'_>, out: &mut Out) {
    let nonce = cx.nonces.draw();
    let challenge = introduction::with_proof(cx, Some(nonce), None);
    let Some(found) = cx.links.find_mut(link) else {
        return;
    };
    found.phase = Phase::Challenged;
    if let Some(session) = found.crc_mut() {
        let name = registration.name.borrowed().into_owned();
        let claimed = Auth::Challenged(nonce, registration.source, name);
        session.auth = Some(Box::new(claimed));
    }
    out.send(link, &challenge);
}

/// A challenged server repeats its registration, with its proof. Returns the registration
/// without the proof, if that is right.
pub(crate) fn on_proof(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    out: &mut Out,
) -> Option<Registration<'static>> {
    let answer = match check_proof(cx, link, registration) {
        Ok(answer) => answer,
        Err(violation) => {
            cx.on_violation(link, violation, out);
            return None;
        }
    };
    out.send(link, &introduction::with_proof(cx, None, Some(answer)));
    let name = registration.name.borrowed().into_owned();
    let found = cx.links.find_mut(link)?;
    found.phase = Phase::Unregistered;
    set_auth(cx, link, Auth::Proved(registration.source, name.clone()));
    Some(Registration {
        source: registration.source,
        last_hop: registration.last_hop,
        name,
        info: Info::truncated(split_info(registration.info.as_str()).0).into_owned(),
    })
}

/// This server's proof, if that of the other one is right.
fn check_proof(
    cx: &Context,
    link: LinkId,
    registration: &Registration<'_>,
) -> Result<[u8; 32], Violation> {
    let machine = split_info(registration.info.as_str()).1;
    let stated = machine.map(Announcement::parse).unwrap_or_default();
    let session = cx.crc_session(link).ok_or(Violation::NoProof)?;
    let (Some(Auth::Challenged(own, ..)), Some(theirs), Some(found)) =
        (session.auth.as_deref(), stated.nonce, stated.proof)
    else {
        return Err(Violation::NoProof);
    };
    let name = registration.name.as_str();
    let entry = entry_for_accepted(&cx.config.links, name);
    let secret = entry.and_then(|entry| entry.secret.as_ref());
    let secret = secret.ok_or(Violation::NoSecret)?;
    let exchange = Exchange {
        dialler: Party {
            id: registration.source,
            name,
            nonce: &theirs,
        },
        acceptor: own_party(cx, own),
        binding: cx.channel_binding(link),
    };
    match exchange.is_proof(&found, secret, Prover::Dialler) {
        true => Ok(exchange.proof(secret, Prover::Acceptor)),
        false => Err(Violation::WrongProof),
    }
}

/// A challenged server says why it does not prove the secret: it has none, for example.
pub(crate) fn on_challenge_declined(cx: &mut Context, link: LinkId, why: &str, out: &mut Out) {
    cx.counters.refused += 1;
    log::warn!(
        "{}: closed: it does not prove the secret of the link; it says {why:?}",
        cx.describe_peer(link)
    );
    cx.close(link, CloseWhen::Flushed, "refused", out);
}

fn own_party<'a>(cx: &'a Context, nonce: &'a Nonce) -> Party<'a> {
    Party {
        id: cx.config.id,
        name: cx.config.name.as_str(),
        nonce,
    }
}

// The server that has dialled.

/// The server that this one has dialled introduces itself, or challenges this one.
pub(crate) fn on_introduction(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    out: &mut Out,
) -> Introduction {
    let machine = split_info(registration.info.as_str()).1;
    let stated = machine.map(Announcement::parse).unwrap_or_default();
    let auth = cx.crc_session_mut(link).and_then(|it| it.auth.take());
    let result = match auth.map(|auth| *auth) {
        None => answer(cx, link, registration, &stated, out),
        Some(Auth::Proved(id, name)) => {
            let is_same = id == registration.source && name == registration.name;
            set_auth(cx, link, Auth::Proved(id, name));
            match is_same {
                true => Ok(Introduction::Valid),
                false => Err(Violation::NoProof),
            }
        }
        Some(Auth::Proving(proving)) => check_answer(cx, link, proving, &stated).map(|proved| {
            set_auth(cx, link, proved);
            Introduction::Handled
        }),
        // Only a server that was dialled sends challenges.
        Some(Auth::Challenged(..) | Auth::Refused(..) | Auth::Client(_)) => Err(Violation::NoProof),
    };
    result.unwrap_or_else(|violation| {
        refuse(cx, link, registration, violation, out);
        Introduction::Handled
    })
}

/// Whether what a server says that this one has dialled may count before it has introduced
/// itself: it has proved the secret, or needs none.
pub(crate) fn may_be_believed(cx: &Context, link: LinkId) -> bool {
    let auth = cx
        .crc_session(link)
        .and_then(|session| session.auth.as_deref());
    let ip = cx.links.find(link).map(|found| found.endpoints.peer.ip());
    cx.config.links.is_empty()
        || matches!(auth, Some(Auth::Proved(..)))
        || ip.is_some_and(|ip| is_permitted(&cx.config.v1_peers, ip))
}

fn set_auth(cx: &mut Context, link: LinkId, auth: Auth) {
    if let Some(session) = cx.crc_session_mut(link) {
        session.auth = Some(Box::new(auth));
    }
}

/// The first registration of a server that was dialled: answers its challenge, if it is one.
fn answer(
    cx: &mut Context,
    link: LinkId,
    registration: &Registration<'_>,
    stated: &Announcement,
    out: &mut Out,
) -> Result<Introduction, Violation> {
    if registration.source == cx.config.id {
        return Ok(Introduction::Valid);
    }
    let name = registration.name.as_str();
    let to = cx.tree.target();
    let entry = entry_for_dialled(&cx.config.links, to, name);
    let entry = entry.map_err(|_| Violation::AnotherServer)?;
    let secret = entry.and_then(|entry| entry.secret.clone());
    let Some(theirs) = stated.nonce else {
        // As a v1 server it may be without a secret, if the configuration names it, at an
        // address of such.
        let ip = cx.links.find(link).map(|found| found.endpoints.peer.ip());
        let as_v1 = ip.is_some_and(|ip| is_permitted(&cx.config.v1_peers, ip));
        let is_named = entry.is_some() || to.is_some_and(|to| cx.config.connect.contains(to));
        let is_excepted = secret.is_none() && as_v1 && is_named;
        return match cx.config.links.is_empty() || is_excepted {
            true => Ok(Introduction::Valid),
            false => Err(Violation::NoProof),
        };
    };
    let secret = secret.ok_or(Violation::SecretWanted)?;
    if cx.crc_session(link).is_some_and(|it| it.alias.is_some()) {
        // Only a v1 server knows this one by another id, and such do not challenge.
        uplink::drop_alias(cx, link, out);
        return Ok(Introduction::Handled);
    }
    let proving = Proving {
        id: registration.source,
        name: registration.name.borrowed().into_owned(),
        own: cx.nonces.draw(),
        theirs,
        secret,
    };
    let proof = proving
        .exchange(cx, link)
        .proof(&proving.secret, Prover::Dialler);
    out.send(
        link,
        &introduction::with_proof(cx, Some(proving.own), Some(proof)),
    );
    set_auth(cx, link, Auth::Proving(proving));
    Ok(Introduction::Handled)
}

impl Proving {
    fn exchange<'a>(&'a self, cx: &'a Context, link: LinkId) -> Exchange<'a> {
        Exchange {
            dialler: own_party(cx, &self.own),
            acceptor: Party {
                id: self.id,
                name: self.name.as_str(),
                nonce: &self.theirs,
            },
            binding: cx.channel_binding(link),
        }
    }
}

/// The proof of the server that was dialled.
fn check_answer(
    cx: &Context,
    link: LinkId,
    proving: Proving,
    stated: &Announcement,
) -> Result<Auth, Violation> {
    let found = stated.proof.ok_or(Violation::NoProof)?;
    let exchange = proving.exchange(cx, link);
    match exchange.is_proof(&found, &proving.secret, Prover::Acceptor) {
        true => Ok(Auth::Proved(proving.id, proving.name)),
        false => Err(Violation::WrongProof),
    }
}

// Servers that are admitted by their address.

/// Whether a server may be of this version, which has turned out now. Only a server that was
/// admitted by its address may not be.
pub(crate) fn check_version(
    cx: &Context,
    link: LinkId,
    version: PeerVersion,
) -> Result<(), Violation> {
    let Some(found) = cx.links.find(link) else {
        return Ok(());
    };
    let neighbour = cx.network.neighbours().find(link);
    let is_server = neighbour.is_some_and(|neighbour| neighbour.kind == HostKind::Server);
    let is_accepted = matches!(found.origin, Origin::Accepted { .. });
    let is_proved = found.crc().is_some_and(|session| session.auth.is_some());
    if !is_server || !is_accepted || is_proved {
        return Ok(());
    }
    let ip = found.endpoints.peer.ip();
    let config = &cx.config;
    match version {
        PeerVersion::Unknown => Ok(()),
        PeerVersion::V1 if is_permitted(&config.v1_peers, ip) => Ok(()),
        PeerVersion::V1 => Err(Violation::NotAV1Peer),
        PeerVersion::V2 if config.links.is_empty() => Ok(()),
        PeerVersion::V2 => Err(Violation::NoSecret),
    }
}
