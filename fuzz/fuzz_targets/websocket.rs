//! Any bytes are messages of a WebSocket, more to come, or its end with a code, however they are cut; no message is longer than allowed.
#![no_main]

mod seeds;

use libfuzzer_sys::fuzz_target;
use rlua_runtime::http::websocket::{Event, Kind, Machine};

const MOST: usize = 1000;

fn all_seeds() -> Vec<Vec<u8>> {
    let mut client = Machine::new(false, MOST);
    client.send(Kind::Text, "ä text".as_bytes()).expect("it is open");
    client.send(Kind::Binary, &[0; 300]).expect("it is open");
    client.send(Kind::Ping, b"ping").expect("it is open");
    client.close(1000, "enough").expect("it is open");
    let fragments = b"\x01\x83\0\0\0\0Hel\x89\x82\0\0\0\0hi\x80\x82\0\0\0\0lo";
    vec![client.take_outgoing(), fragments.to_vec()]
}
/// What a machine makes of bytes in pieces of a size, the last of which is the end.
fn events(is_server: bool, bytes: &[u8], size: usize) -> Vec<Event> {
    let mut machine = Machine::new(is_server, MOST);
    let mut all = Vec::new();
    for piece in bytes.chunks(size) {
        machine.receive(piece);
        while let Some(event) = machine.event() {
            let is_end = matches!(event, Event::Closed(..));
            all.push(event);
            if is_end {
                return all;
            }
        }
    }
    machine.end_of_input();
    all.push(machine.event().expect("the end"));
    // What answers all that is little.
    assert!(machine.take_outgoing().len() <= 4 * bytes.len() + 200);
    all
}

fuzz_target!(init: seeds::write(all_seeds), |bytes: &[u8]| {
    for is_server in [true, false] {
        let whole = events(is_server, bytes, bytes.len().max(1));
        assert_eq!(whole, events(is_server, bytes, 1));
        assert!(matches!(whole.last(), Some(Event::Closed(1000..=4999, _))));
        for event in &whole {
            if let Event::Message(kind, message) = event {
                assert!(message.len() <= MOST && (*kind != Kind::Text || std::str::from_utf8(message).is_ok()));
            }
        }
    }
});
