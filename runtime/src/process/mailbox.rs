//! The messages of a process, in the order of arrival.
//!
//! Journey: message: inbox -> **mailbox** -> receive. Owned by whoever runs the process.
//!
//! Always: each message has the number it got on arrival, and numbers only grow: a search that is interrupted (a match
//! function may receive, sleep, be frozen) goes on by number, not by place.

use super::seldom::Seldom;
use crate::codec::Message;
use rlua_machine::value::Pid;
use std::collections::VecDeque;

/// Bytes of a message besides its contents.
const ENTRY: usize = size_of::<Entry>();

type Entry = (u64, Message);

/// The mailbox.
// In this order, what each slice touches lies together, at the end.
#[repr(C)]
#[derive(Default, Debug)]
pub struct Mailbox {
    rest: Seldom<VecDeque<Entry>>,
    next_number: u64,
    /// Messages of the system among them.
    system: usize,
    /// The oldest; none: there are none at all. Most processes have one at a time.
    first: Option<Entry>,
    bytes: usize,
    /// How many there are.
    len: usize,
}

impl Mailbox {
    /// Number of messages.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Bytes of all messages.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
    /// So many messages are about to come, at most.
    pub fn reserve(&mut self, n: usize) {
        if n > 1 {
            self.rest.change().reserve(n - 1);
        }
    }
    /// Adds a message at the end.
    #[inline]
    pub fn push(&mut self, m: Message) {
        self.bytes += ENTRY + m.size();
        self.system += m.is_from_system() as usize;
        self.len += 1;
        let number = self.next_number;
        self.next_number += 1;
        match self.first {
            None => self.first = Some((number, m)),
            Some(_) => self.push_further((number, m)),
        }
    }
    #[inline(never)]
    fn push_further(&mut self, entry: Entry) {
        self.rest.change().push_back(entry);
    }
    /// The oldest.
    #[inline]
    pub fn first(&self) -> Option<&Message> {
        self.first.as_ref().map(|(_, m)| m)
    }
    /// Takes the oldest.
    #[inline]
    pub fn pop(&mut self) -> Option<Message> {
        let (_, m) = self.first.take()?;
        if self.len == 1 {
            (self.bytes, self.system, self.len) = (0, 0, 0);
        } else {
            self.move_up();
            self.gone(&m);
        }
        Some(m)
    }
    /// Drops so many messages, or as many as there are; true if none is left.
    pub fn release(&mut self, most: usize) -> bool {
        for _ in 0..most {
            if self.pop().is_none() {
                return true;
            }
        }
        self.first.is_none()
    }
    /// The oldest of the rest becomes the first, if there is none.
    fn move_up(&mut self) {
        if let Some(rest) = self.rest.get_mut().filter(|_| self.first.is_none()) {
            self.first = rest.pop_front();
            // Room that a burst took.
            if rest.is_empty() && rest.capacity() > 64 {
                self.rest.clear();
            }
        }
    }
    #[inline]
    fn gone(&mut self, m: &Message) {
        self.bytes -= ENTRY + m.size();
        self.system -= m.is_from_system() as usize;
        self.len -= 1;
    }
    /// The oldest message whose number is at least this.
    pub fn at_or_after(&self, number: u64) -> Option<(u64, &Message)> {
        match &self.first {
            Some((n, m)) if *n >= number => Some((*n, m)),
            _ => {
                let rest = self.rest.get()?;
                let i = rest.partition_point(|(n, _)| *n < number);
                rest.get(i).map(|(n, m)| (*n, m))
            }
        }
    }
    /// The place of the oldest message whose number is at least this; as long as none is taken, the next one has the next.
    pub fn place_at_or_after(&self, number: u64) -> usize {
        match &self.first {
            Some((n, _)) if *n < number => {
                1 + self.rest.get().map_or(0, |rest| rest.partition_point(|(n, _)| *n < number))
            }
            _ => 0,
        }
    }
    /// The message at a place.
    #[inline]
    pub fn at_place(&self, place: usize) -> Option<(u64, &Message)> {
        let entry = match place {
            0 => self.first.as_ref(),
            _ => self.rest.get().and_then(|rest| rest.get(place - 1)),
        };
        entry.map(|(n, m)| (*n, m))
    }
    /// All messages, with their numbers.
    pub fn all(&self) -> impl Iterator<Item = &(u64, Message)> {
        self.first.iter().chain(self.rest.get().into_iter().flatten())
    }
    /// The mailbox of these messages, whose numbers grow, and the number of the next.
    pub fn from_all(messages: Vec<(u64, Message)>, next_number: u64) -> Mailbox {
        let mut mailbox = Mailbox::default();
        for (number, m) in messages {
            mailbox.next_number = number;
            mailbox.push(m);
        }
        mailbox.next_number = next_number;
        mailbox
    }
    /// The number of the next message.
    pub fn next_number(&self) -> u64 {
        self.next_number
    }
    /// Takes the message with this number, if it is still there.
    pub fn take(&mut self, number: u64) -> Option<Message> {
        if self.first.as_ref().is_some_and(|(n, _)| *n == number) {
            return self.pop();
        }
        let rest = self.rest.get_mut()?;
        let i = rest.partition_point(|(n, _)| *n < number);
        if rest.get(i).is_none_or(|(n, _)| *n != number) {
            return None;
        }
        let (_, m) = rest.remove(i)?;
        self.gone(&m);
        Some(m)
    }
    /// Removes the system's messages of this name about a process; how many messages were looked at.
    pub fn remove_system(&mut self, name: &[u8], about: Pid) -> usize {
        if self.system == 0 {
            return 0;
        }
        let looked_at = self.len();
        let (mut bytes, mut system) = (0, 0);
        let mut stays = |(_, m): &Entry| {
            let goes = m.is_system(name, about);
            if goes {
                bytes += ENTRY + m.size();
                system += 1;
            }
            !goes
        };
        if self.first.as_ref().is_some_and(|e| !stays(e)) {
            self.first = None;
        }
        if let Some(rest) = self.rest.get_mut() {
            rest.retain(stays);
        }
        self.bytes -= bytes;
        self.system -= system;
        self.len -= system;
        self.move_up();
        looked_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_when_messages_go() {
        let mut m = Mailbox::default();
        for text in [b"a", b"b", b"c"] {
            m.push(Message::string(text));
        }
        assert!(m.take(1).is_some_and(|m| m.is_string(b"b")));
        assert!(m.take(1).is_none());
        assert!(m.at_or_after(1).is_some_and(|(n, m)| n == 2 && m.is_string(b"c")));
        assert!(m.pop().is_some_and(|m| m.is_string(b"a")));
        assert_eq!(m.len(), 1);
        m.push(Message::system(b"DOWN", Pid::from_bits(4), Message::string(b"normal")));
        assert_eq!(m.remove_system(b"DOWN", Pid::from_bits(5)), 2);
        assert_eq!(m.remove_system(b"DOWN", Pid::from_bits(4)), 2);
        assert_eq!(m.remove_system(b"DOWN", Pid::from_bits(4)), 0);
        assert_eq!(m.len(), 1);
        m.pop();
        assert_eq!((m.len(), m.bytes()), (0, 0));
        assert!(m.is_empty());
    }
}
