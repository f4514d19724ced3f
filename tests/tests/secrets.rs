//! Servers that prove the secrets of their links, with real configuration files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crc_e2e::fixture::wait::{self, LONG};
use crc_e2e::fixture::wire::{self, Frame};
use crc_e2e::fixture::{ANN, BOB, Fixture, Peer, Server, assert_chatting};
use tempfile::TempDir;

const SECRET: &str = "correct horse battery staple";

/// A folder with a secret for all servers, and a configuration file with that.
fn folder_with(secret: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_secret(folder.path(), secret);
    let text = "[[link]]\nname = \"*\"\nsecret-file = \"secret\"\n";
    fs::write(folder.path().join("server.toml"), text).unwrap();
    folder
}

fn write_secret(folder: &Path, secret: &str) {
    let path = folder.join("secret");
    fs::write(&path, format!("{secret}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

fn start(fixture: &Fixture, id: u32, folder: &TempDir, uplink: Option<&Server>) -> Server {
    let file = folder.path().join("server.toml");
    let server = fixture.server(id, &format!("server{id}"));
    let server = server.arg("--config").arg(file.to_str().unwrap());
    let server = match uplink {
        Some(uplink) => server.uplink(uplink.address()),
        None => server,
    };
    server.start().unwrap()
}

#[test]
fn servers_with_one_secret_form_a_tree_that_heals() {
    let fixture = Fixture::new().unwrap();
    let folder = folder_with(SECRET);
    let root = start(&fixture, 1, &folder, None);
    let mut middle = start(&fixture, 2, &folder, Some(&root));
    let leaf = start(&fixture, 3, &folder, Some(&middle));
    leaf.wait_hosts(&[1, 2]).unwrap();
    let mut ann = Peer::v2_client(root.address(), ANN, "ann").unwrap();
    let mut bob = Peer::v2_client(leaf.address(), BOB, "bob").unwrap();
    root.wait_hosts(&[2, 3, ANN, BOB]).unwrap();
    leaf.wait_hosts(&[1, 2, ANN, BOB]).unwrap();
    assert_chatting(&mut ann, &mut bob);
    middle.process_mut().kill();
    root.wait_hosts(&[3, ANN, BOB]).unwrap();
    leaf.wait_hosts(&[1, ANN, BOB]).unwrap();
    assert_chatting(&mut ann, &mut bob);
}

#[test]
fn a_wrong_secret_is_one_line_at_both_ends_and_nothing_else() {
    let fixture = Fixture::new().unwrap();
    let root = start(&fixture, 1, &folder_with(SECRET), None);
    let mut ann = Peer::v2_client(root.address(), ANN, "ann").unwrap();
    let mut bob = Peer::v2_client(root.address(), BOB, "bob").unwrap();
    let other = folder_with("another secret of this length");
    fs::set_permissions(other.path().join("secret"), Permissions::from_mode(0o644)).unwrap();
    let wrong = start(&fixture, 2, &other, Some(&root));
    let readable = "every user of this machine can read the secret in";
    wrong.expect_logged(readable);
    assert_eq!(wrong.log_lines_with(readable).len(), 1);
    let refused = "closed: its secret is not that of the link";
    assert!(wait::holds(LONG, || !root
        .log_lines_with(refused)
        .is_empty()));
    let told = "does not let this server link: Your secret is not that of the link";
    assert!(wait::holds(LONG, || !wrong.log_lines_with(told).is_empty()));
    // It tries again, and says so only once.
    assert!(wait::holds(LONG, || root.log_lines_with(refused).len() > 2));
    assert_eq!(wrong.log_lines_with(told).len(), 1);
    assert_eq!(wrong.state().unwrap().host_ids(), [0; 0]);
    root.wait_hosts(&[ANN, BOB]).unwrap();
    assert_chatting(&mut ann, &mut bob);
    // The right secret is taken without a restart.
    write_secret(other.path(), SECRET);
    let id = i32::try_from(wrong.process().id()).unwrap();
    let pid = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    root.wait_hosts(&[2, ANN, BOB]).unwrap();
    let changed = "changed: link \"*\"";
    wrong.expect_logged(changed);
    assert_eq!(wrong.log_lines_with(changed).len(), 1);
    assert!(
        !wrong.process().log().contains("battery"),
        "no secret is logged"
    );
}

#[test]
fn a_missing_secret_is_one_line_at_both_ends_that_says_where_it_is_missing() {
    let fixture = Fixture::new().unwrap();
    let has_line = |server: &Server, words: &str| {
        let found = wait::holds(LONG, || !server.log_lines_with(words).is_empty());
        assert!(found, "{words}: {}", server.process().log());
    };
    // The server that dials has none.
    let root = start(&fixture, 1, &folder_with(SECRET), None);
    let none = fixture.server(2, "server2").uplink(root.address());
    let none = none.start().unwrap();
    has_line(
        &none,
        "as server 1 \"server1\": closed: it asks for a secret, and none is configured for a \
         server of its name: add a [[link]] with its name and a secret-file",
    );
    let refused = "as server 2 \"server2\": closed: it does not prove the secret of the link; it \
                   says \"No secret is configured here for a server of your name\"";
    has_line(&root, refused);
    // It tries again, and says so only once.
    assert!(wait::holds(LONG, || root.log_lines_with(refused).len() > 2));
    assert_eq!(none.log_lines_with("it asks for a secret").len(), 1);

    // One that says nothing as it goes.
    let mut mute = Peer::connect(root.address()).unwrap();
    mute.send(&wire::server_registration(3, 0, "mute", ""))
        .unwrap();
    mute.expect_frames(1);
    drop(mute);
    has_line(
        &root,
        "as server 3 \"mute\": link lost before it has proved the secret of the link; it may \
         have none for this server: ",
    );

    // The server that is dialled has none.
    let open = fixture.server(4, "server4").start().unwrap();
    let child = start(&fixture, 5, &folder_with(SECRET), Some(&open));
    has_line(
        &child,
        "as server 4 \"server4\": closed: it does not prove the secret of the link",
    );
    has_line(&open, "server 5 \"server5\" at 127.0.0.1:");
    has_line(
        &open,
        "does not let this server link: You do not prove the secret of the link",
    );
}

#[test]
fn a_stranger_takes_no_id_and_learns_nothing() {
    let fixture = Fixture::new().unwrap();
    let folder = folder_with(SECRET);
    let root = start(&fixture, 1, &folder, None);
    let leaf = start(&fixture, 2, &folder, Some(&root));
    let mut ann = Peer::v2_client(root.address(), ANN, "ann").unwrap();
    let mut bob = Peer::v2_client(leaf.address(), BOB, "bob").unwrap();
    root.wait_hosts(&[2, ANN, BOB]).unwrap();
    leaf.wait_hosts(&[1, ANN, BOB]).unwrap();
    for stolen in [2, ANN, 666] {
        let mut thief = Peer::connect(root.address()).unwrap();
        let registration = |info: &str| wire::server_registration(stolen, 0, "server2", info);
        thief.send(&registration("f")).unwrap();
        let [
            Frame::Registration {
                source: 1, info, ..
            },
        ] = &thief.expect_frames(1)[..]
        else {
            panic!("a challenge was expected");
        };
        assert!(info.contains("[crc2;n=") && !info.contains("a="), "{info}");
        let proof = format!("f [crc2;n={0};p={0};f=auth]", "ab".repeat(32));
        thief.send(&registration(&proof)).unwrap();
        let end = thief.expect_end();
        let [
            Frame::Status {
                code: 0x0107, text, ..
            },
        ] = &end[..]
        else {
            panic!("one status was expected, not {end:?}");
        };
        assert_eq!(text, "Your secret is not that of the link");
    }
    root.wait_hosts(&[2, ANN, BOB]).unwrap();
    assert_chatting(&mut ann, &mut bob);
}
