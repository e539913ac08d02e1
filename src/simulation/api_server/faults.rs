//! What can go wrong between client and server, and the log of what was asked.

use std::time::Duration;

use super::failure::ApiFailure;
use super::request::ApiRequest;

/// What happens to one request instead of a plain answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Refused with this answer; nothing is applied.
    Refuse(ApiFailure),
    /// A write is refused with 409, as where somebody else was faster; nothing is applied.
    Conflict,
    /// The connection breaks before anything is applied.
    Drop,
    /// Applied, then the connection breaks.
    LoseAnswer,
    /// Handled after this time.
    Delay(Duration),
    /// The client's process dies before the request is applied.
    CrashBefore,
    /// The request is applied and the client's process dies without seeing the answer.
    CrashAfter,
}

/// A logged request and what became of it.
#[derive(Clone, Debug)]
pub struct Logged {
    /// What was asked.
    pub request: ApiRequest,
    /// HTTP code of the answer; `None` when none was seen.
    pub code: Option<u16>,
}

impl Logged {
    /// One line: number, time, request, code.
    pub fn line(&self) -> String {
        let code = self.code.map_or("no answer".into(), |code| code.to_string());
        format!("#{} {} {} -> {code}", self.request.index, self.request.at, self.request.line())
    }
}

/// Which reads lag behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    #[default]
    None,
    /// Watches, and lists and gets that allow a cached answer (`resourceVersion=0`), stay at this version.
    Cached(u64),
    /// All lists and watches stay at this version; gets do not.
    Lists(u64),
}

impl Hold {
    /// The newest version a watch may show.
    pub fn watched(self) -> u64 {
        match self {
            Self::None => u64::MAX,
            Self::Cached(version) | Self::Lists(version) => version,
        }
    }
}
