//! What the sockets alone cost: the batches of our relay's shell without a relay. Whoever says hello is lent a socket, and
//! what comes is passed on; nothing is checked, counted or ever given back. To peers each datagram is a call of its own, as
//! our relay makes it for a client that has but one in a turn; several of one client a relay can send for less.
//!
//! A client says hello with [`HELLO`] and its peer's address in words, and gets its number and its relayed address, in words
//! too. Its packets have its number in front, as long as ChannelData's header; to it they come without.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use crate::batch::{BATCH, Inbox, Outbox};

/// In place of a number.
pub(crate) const HELLO: [u8; 4] = [u8::MAX; 4];

const LISTENER: Token = Token(usize::MAX);

/// Datagrams that are first asked for at a client's own socket, as our relay does.
const FIRST_CALL: usize = 4;

struct Client {
    address: SocketAddr,
    peer: SocketAddr,
    socket: UdpSocket,
}

/// Says where it listens, and passes on for ever.
pub(crate) fn run() {
    let mut poll = Poll::new().expect("a poll");
    let mut listener = loopback();
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("a socket");
    println!("{}", listener.local_addr().expect("bound"));
    let mut events = Events::with_capacity(1024);
    let (mut inbox, mut outbox, mut clients) = (Inbox::new(), Outbox::new(), Vec::new());
    loop {
        poll.poll(&mut events, None).expect("a poll");
        for event in &events {
            if event.token() == LISTENER {
                to_peers(&listener, &mut inbox, &mut clients, &poll);
            } else {
                to_client(&clients[event.token().0], &listener, &mut inbox, &mut outbox);
            }
        }
        if !outbox.is_empty() {
            outbox.flush(listener.as_fd());
        }
    }
}

fn to_peers(listener: &UdpSocket, inbox: &mut Inbox, clients: &mut Vec<Client>, poll: &Poll) {
    while let Ok(count) = inbox.receive(listener.as_fd(), BATCH) {
        for (from, bytes) in (0..count).filter_map(|at| inbox.datagram(at)) {
            let Some((number, data)) = bytes.split_first_chunk() else { continue };
            if *number == HELLO {
                welcome(from, data, listener, clients, poll);
            } else if let Some(client) = clients.get(u32::from_be_bytes(*number) as usize) {
                let _ = client.socket.send_to(data, client.peer);
            }
        }
        if count < BATCH {
            return;
        }
    }
}

fn to_client(client: &Client, listener: &UdpSocket, inbox: &mut Inbox, outbox: &mut Outbox) {
    let mut limit = FIRST_CALL;
    while let Ok(count) = inbox.receive(client.socket.as_fd(), limit) {
        for (_, bytes) in (0..count).filter_map(|at| inbox.datagram(at)) {
            if !outbox.has_room() {
                outbox.flush(listener.as_fd());
            }
            outbox.push(client.address, [bytes, &[], &[]]);
        }
        if count < limit {
            return;
        }
        limit = BATCH;
    }
}

fn welcome(address: SocketAddr, words: &[u8], listener: &UdpSocket, clients: &mut Vec<Client>, poll: &Poll) {
    let peer = std::str::from_utf8(words).ok().and_then(|words| words.parse().ok()).expect("an address");
    let (number, mut socket) = (clients.len(), loopback());
    poll.registry().register(&mut socket, Token(number), Interest::READABLE).expect("a socket");
    let relayed = socket.local_addr().expect("bound").to_string();
    let told = [&(number as u32).to_be_bytes()[..], relayed.as_bytes()].concat();
    listener.send_to(&told, address).expect("loopback takes a datagram");
    clients.push(Client { address, peer, socket });
}

fn loopback() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a loopback socket")
}
