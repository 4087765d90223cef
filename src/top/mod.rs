//! `rlua-actor top`: what the processes of running nodes do, as a screen that goes on.
//!
//! Journey: process -> figures -> message -> figures -> **lines** -> terminal. As `ps`, it visits the node; node.lua is what runs
//! there and at the nodes that are connected with it, client.lua asks it, screen.rs decides what is shown. Here are the
//! terminal and the clock. The program's prompt is what joins them: the screen is its terminal, which reads keys until there is
//! something to ask, and is shown the answer.

mod screen;
pub mod snapshot;
pub mod waits;

use crate::attach::{Target, visiting};
use crate::output;
use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Styled, Span, Text};
use ratatui::{DefaultTerminal, widgets::Paragraph};
use rlua_runtime::{Line as Input, Start, Terminal};
pub use screen::quoted;
use screen::{Key, Look, Order, Screen, Then};
use snapshot::Snapshot;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// What asks nodes, and what runs in them.
pub const CLIENT: &[u8] = include_bytes!("client.lua");
pub const NODE: &[u8] = include_bytes!("node.lua");

/// Times that a look has taken at a node for which the node is left alone after it.
const SHARE: f64 = 50.0;
/// Lines of a screen that nobody has given a size, and characters.
const PLAIN: (usize, usize) = (160, 60);

/// Arguments of `top`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Print one screen as text, with the figures of one interval, and end
    #[arg(long)]
    once: bool,
    /// By what the processes are sorted
    #[arg(long, value_name = "COLUMN", default_value = "reductions",
        value_parser = ["reductions", "memory", "mailbox", "messages", "age"])]
    sort: String,
    /// Only processes whose pid, name or place contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Seconds between two looks; a node for which they are costly is looked at less often
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    if !(0.1..=3600.0).contains(&seconds) {
        return Err("from 0.1 to 3600 seconds".to_string());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Shows the screen until it is left; the exit status.
pub fn run(arguments: Arguments) -> u8 {
    let is_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if !arguments.once && !is_terminal {
        output::complain("top needs a terminal; --once prints one screen as text");
        return 2;
    }
    let order = Order::of(&arguments.sort).unwrap_or(Order::Reductions);
    let mut screen = Screen::new(order, &arguments.filter);
    let terminal: Box<dyn Terminal> = if arguments.once {
        // What can be shown is asked for.
        screen.lines(PLAIN.0, PLAIN.1);
        let text = |s: &mut Screen| s.text(PLAIN.0, PLAIN.1);
        Box::new(Once { screen, interval: arguments.interval, looks: 0, text })
    } else {
        Box::new(Live { screen, interval: arguments.interval, terminal: None, next: Instant::now() })
    };
    show(arguments.target, "top", terminal)
}

/// Prints who waits for whom; the exit status.
pub fn print_waits(target: Target) -> u8 {
    let text = |s: &mut Screen| s.waits_text();
    // The second look is about those that the first one names.
    show(target, "ps", Box::new(Once { screen: Screen::of_waits(), interval: Duration::ZERO, looks: 0, text }))
}

fn show(target: Target, tool: &str, terminal: Box<dyn Terminal>) -> u8 {
    let (program, actions) = visiting(&target);
    let client = rlua_compiler::compile(CLIENT, b"=client.lua");
    let start = Start {
        actions,
        evaluator: Some(client.expect("a part of this program compiles")),
        name: tool.as_bytes().to_vec(),
        arguments: vec![target.node.into_bytes(), NODE.to_vec()],
        prompt: true,
        terminal: Some(terminal),
        when_output_closed: Some(output::nobody_reads),
        ..Start::default()
    };
    (program.run(start) & 0xff) as u8
}

/// One screen, for a pipe: two looks, since most figures are of the time between them.
struct Once {
    screen: Screen,
    interval: Duration,
    looks: u32,
    text: fn(&mut Screen) -> String,
}
impl Terminal for Once {
    fn read_line(&mut self, _: &str, _: Vec<String>) -> Input {
        if self.looks == 2 {
            return Input::End;
        }
        if self.looks == 1 {
            std::thread::sleep(self.interval);
        }
        Input::Text(self.screen.question().into_bytes())
    }
    fn remember(&mut self, _: &[u8]) {}
    fn show(&mut self, text: &[u8]) -> bool {
        self.screen.take(Snapshot::read(text));
        self.looks += 1;
        if self.looks == 2 {
            output::print((self.text)(&mut self.screen));
        }
        true
    }
}

/// A screen that goes on.
struct Live {
    screen: Screen,
    interval: Duration,
    /// From the first answer on: what goes wrong before that is told as by any tool.
    terminal: Option<DefaultTerminal>,
    next: Instant,
}
impl Live {
    fn draw(&mut self) -> std::io::Result<()> {
        let Live { terminal: Some(terminal), screen, .. } = self else { return Ok(()) };
        terminal.draw(|frame| {
            let area = frame.area();
            let lines = screen.lines(area.width.into(), area.height.into());
            let styled = |(look, text)| Span::styled(text, style(look));
            let lines: Vec<Styled> = lines.into_iter().map(|l| Styled::from_iter(l.into_iter().map(styled))).collect();
            frame.render_widget(Paragraph::new(Text::from(lines)), area);
        })?;
        Ok(())
    }
    /// Keys until there is something to ask, or it is over.
    fn read(&mut self) -> std::io::Result<Option<String>> {
        self.draw()?;
        loop {
            let now = Instant::now();
            if self.terminal.is_none() || !self.screen.is_paused() && now >= self.next {
                return Ok(Some(self.screen.question()));
            }
            let left = if self.screen.is_paused() { Duration::from_secs(3600) } else { self.next - now };
            if !event::poll(left)? {
                continue;
            }
            let then = match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match key_of(key) {
                    Some(key) => self.screen.press(key),
                    None => continue,
                },
                Event::Resize(..) => Then::Draw,
                _ => continue,
            };
            match then {
                Then::Draw => self.draw()?,
                Then::Ask => {
                    self.draw()?;
                    return Ok(Some(self.screen.question()));
                }
                Then::Quit => return Ok(None),
            }
        }
    }
    fn end(&mut self) {
        if self.terminal.take().is_some() {
            ratatui::restore();
        }
    }
}
impl Terminal for Live {
    fn read_line(&mut self, _: &str, _: Vec<String>) -> Input {
        match self.read() {
            Ok(Some(question)) => Input::Text(question.into_bytes()),
            Ok(None) => {
                self.end();
                Input::End
            }
            Err(e) => {
                self.end();
                output::complain(format!("cannot use the terminal: {}", rlua_runtime::reason(&e)));
                Input::End
            }
        }
    }
    fn remember(&mut self, _: &[u8]) {}
    fn show(&mut self, text: &[u8]) -> bool {
        self.screen.take(Snapshot::read(text));
        let costly = Duration::from_secs_f64((self.screen.took_ms() / 1000.0 * SHARE).min(3600.0));
        self.next = Instant::now() + self.interval.max(costly);
        if self.terminal.is_none() {
            // The next thing that uses it says what is wrong with it.
            self.terminal = ratatui::try_init().ok();
            // Rates are of the time between two looks: the second one comes soon.
            self.next = Instant::now() + self.interval.min(Duration::from_millis(300));
        }
        true
    }
}
impl Drop for Live {
    fn drop(&mut self) {
        self.end();
    }
}

fn key_of(key: event::KeyEvent) -> Option<Key> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Key::Interrupt);
    }
    Some(match key.code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    })
}
fn style(look: Look) -> Style {
    let plain = Style::new();
    match look {
        Look::Plain => plain,
        Look::Strong => plain.add_modifier(Modifier::BOLD),
        Look::Head => plain.fg(Color::Cyan),
        Look::Sorted => plain.fg(Color::Yellow).add_modifier(Modifier::BOLD),
        Look::Selected => plain.add_modifier(Modifier::REVERSED),
        Look::Faint => plain.add_modifier(Modifier::DIM),
        Look::Wrong => plain.fg(Color::Red),
    }
}
