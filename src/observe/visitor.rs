//! Asks the nodes that the observed one is connected with: as `top` does, and with what `top` has in them.
//!
//! Journey: question -> **message -> figures** -> JSON. A program of its own visits them, beside the observed one and in the same OS process,
//! so that nothing runs in that one for it. It begins when there is another node to be asked, and ends when nobody has asked for a while.
//!
//! The program's prompt is what joins the two, as in `top`: it reads questions, and shows answers.

use crate::attach;
use rlua_runtime::{Line, NodeSettings, Start, Terminal};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// What a question has for its answer: more than client.lua waits for.
const PATIENCE: Duration = Duration::from_secs(8);
/// Nobody has asked for so long: the visit is over.
const IDLE: Duration = Duration::from_secs(15);

/// A visit under way.
pub struct Visitor {
    questions: Sender<String>,
    answers: Receiver<Vec<u8>>,
}

impl Visitor {
    /// Begins a visit. None: there is no thread for it.
    pub fn begin(settings: NodeSettings) -> Option<Visitor> {
        let (questions, asked) = channel();
        let (answer, answers) = channel();
        let body = move || {
            let (program, actions) = attach::visitor(settings);
            let client = rlua_compiler::compile(crate::top::CLIENT, b"=client.lua");
            program.run(Start {
                actions,
                evaluator: Some(client.expect("a part of this program compiles")),
                name: b"observe".to_vec(),
                arguments: vec![Vec::new(), crate::top::NODE.to_vec()],
                prompt: true,
                terminal: Some(Box::new(Desk { asked, answer })),
                ..Start::default()
            });
        };
        super::thread("observe-visit", body).then_some(Visitor { questions, answers })
    }
    /// The answer to a question, in JSON.
    pub fn ask(&self, question: &str) -> Result<Vec<u8>, Over> {
        self.questions.send(question.to_string()).map_err(|_| Over::Ended)?;
        self.answers.recv_timeout(PATIENCE).map_err(|e| match e {
            RecvTimeoutError::Timeout => Over::Late,
            RecvTimeoutError::Disconnected => Over::Ended,
        })
    }
}

/// Why a visit gives no answer, and no more of them.
#[derive(PartialEq, Eq)]
pub enum Over {
    /// It has ended: another may begin.
    Ended,
    /// It takes too long.
    Late,
}

/// Where the visiting program's prompt is.
struct Desk {
    asked: Receiver<String>,
    answer: Sender<Vec<u8>>,
}
impl Terminal for Desk {
    fn read_line(&mut self, _: &str, _: Vec<String>) -> Line {
        match self.asked.recv_timeout(IDLE) {
            Ok(question) => Line::Text(question.into_bytes()),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Line::End,
        }
    }
    fn remember(&mut self, _: &[u8]) {}
    fn show(&mut self, text: &[u8]) -> bool {
        // Who has asked may not wait any more; then the next question ends the visit.
        let _ = self.answer.send(text.to_vec());
        true
    }
}
