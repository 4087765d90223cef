//! Options of a node and of a process (spec/processes.md: options).
//!
//! Journey: none of its own. A process's own setting, else the node's default.

/// The node's settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// Exit signals become messages.
    pub trapexit: bool,
    /// Milliseconds of a `tick()`.
    pub tick: f64,
    /// Trace of messages and signals on stderr.
    pub debug: bool,
    /// `init('name')` uses the short host name.
    pub shortnames: bool,
    /// Keep the network fully connected and names global.
    pub connectall: bool,
    /// Probe idle connections.
    pub keepalive: bool,
    /// Milliseconds of silence after which a node counts as down.
    pub keepalivetimeout: f64,
    /// Milliseconds for agreeing on a global name.
    pub registertimeout: f64,
    /// Bytes after which a process dies; 0: no limit.
    pub maxheap: f64,
    /// Messages after which a process dies; 0: no limit.
    pub maxmailbox: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            trapexit: false,
            tick: 10.0,
            debug: false,
            shortnames: false,
            connectall: true,
            keepalive: true,
            keepalivetimeout: 60000.0,
            registertimeout: 10000.0,
            maxheap: 0.0,
            maxmailbox: 0.0,
        }
    }
}

/// A value of an option.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    /// true or false
    Flag(bool),
    /// A number that is not negative.
    Number(f64),
}

/// The keys, in the order messages list them.
pub const KEYS: [&str; 10] = [
    "trapexit",
    "tick",
    "debug",
    "shortnames",
    "connectall",
    "keepalive",
    "keepalivetimeout",
    "registertimeout",
    "maxheap",
    "maxmailbox",
];

/// Indices of keys that the runtime itself asks for.
pub mod key {
    /// `trapexit`
    pub const TRAPEXIT: usize = 0;
    /// `tick`
    pub const TICK: usize = 1;
    /// `debug`
    pub const DEBUG: usize = 2;
    /// `connectall`
    pub const CONNECTALL: usize = 4;
    /// `maxheap`
    pub const MAXHEAP: usize = 8;
    /// `maxmailbox`
    pub const MAXMAILBOX: usize = 9;
}

/// What a process set for itself, by the index of the key.
#[derive(Clone, Debug, Default)]
pub struct OwnOptions(Vec<(u8, Setting)>);

impl OwnOptions {
    /// Its own setting.
    pub fn get(&self, key: usize) -> Option<Setting> {
        self.0.iter().find(|(k, _)| *k as usize == key).map(|(_, s)| *s)
    }
    /// All of them.
    pub fn all(&self) -> &[(u8, Setting)] {
        &self.0
    }
    /// Sets one.
    pub fn set(&mut self, key: usize, setting: Setting) {
        match self.0.iter_mut().find(|(k, _)| *k as usize == key) {
            Some((_, s)) => *s = setting,
            None => self.0.push((key as u8, setting)),
        }
    }
}

impl Options {
    /// What a process is limited to from its spawn on: messages, bytes of heap and mailbox (0: no limit); whether what happens to
    /// it is told in lines. None: none of that.
    pub fn of_new(&self) -> Option<(usize, usize, bool)> {
        let (messages, bytes) = (self.maxmailbox as usize, self.maxheap as usize);
        (messages | bytes != 0 || self.debug).then_some((messages, bytes, self.debug))
    }
    /// The setting of a key, by its index in [`KEYS`].
    pub fn get(&self, key: usize) -> Setting {
        match key {
            0 => Setting::Flag(self.trapexit),
            1 => Setting::Number(self.tick),
            2 => Setting::Flag(self.debug),
            3 => Setting::Flag(self.shortnames),
            4 => Setting::Flag(self.connectall),
            5 => Setting::Flag(self.keepalive),
            6 => Setting::Number(self.keepalivetimeout),
            7 => Setting::Number(self.registertimeout),
            8 => Setting::Number(self.maxheap),
            _ => Setting::Number(self.maxmailbox),
        }
    }
    /// Sets a key; false if the setting is of the wrong type.
    pub fn set(&mut self, key: usize, setting: Setting) -> bool {
        let place: &mut dyn std::any::Any = match key {
            0 => &mut self.trapexit,
            1 => &mut self.tick,
            2 => &mut self.debug,
            3 => &mut self.shortnames,
            4 => &mut self.connectall,
            5 => &mut self.keepalive,
            6 => &mut self.keepalivetimeout,
            7 => &mut self.registertimeout,
            8 => &mut self.maxheap,
            _ => &mut self.maxmailbox,
        };
        match setting {
            Setting::Flag(b) => place.downcast_mut::<bool>().map(|p| *p = b).is_some(),
            Setting::Number(n) => place.downcast_mut::<f64>().map(|p| *p = n).is_some(),
        }
    }
}
