//! Whether a server really serves: only a completed, streamed chat request proves it. Pods are Ready, `/health` is 200
//! and `/v1/models` lists the model while no worker answers.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::causes::with_causes;
use crate::text;

/// How long one request may take. The first ones of an engine take long; one that hangs is tried anew.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(2);
/// Tokens of the request.
const TOKENS: u32 = 8;
/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;
/// Longest excerpt of an unexpected answer in a message, in bytes.
const LONGEST_EXCERPT: usize = 200;
/// Observations in a message.
const REMEMBERED: usize = 3;

/// A URL no request can be sent to.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("`{url}` is not a URL: {error}")]
    Url { url: String, error: http::uri::InvalidUri },
    /// No certificates to check the server's with.
    #[error("{url} needs TLS, but the image has no certificates to check it with: {error}")]
    Certificates { url: String, error: std::io::Error },
}

/// The server did not complete a request in time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} completed no streamed chat request for model {model} within {seconds} s; {seen}")]
pub struct NotServing {
    url: String,
    model: String,
    seconds: u64,
    seen: String,
}

/// A server under test.
pub struct Server {
    client: AnyClient,
    url: Uri,
    model: String,
}

enum AnyClient {
    Plain(Client<HttpConnector, String>),
    Tls(Client<HttpsConnector<HttpConnector>, String>),
}

impl Server {
    /// The server at an OpenAI-compatible base URL, with or without `/v1`.
    ///
    /// # Errors
    /// The URL is invalid, or certificates could not be checked.
    pub fn new(url: &str, model: &str) -> Result<Self, ServerError> {
        let invalid = |error| ServerError::Url { url: url.to_owned(), error };
        let target: Uri = chat_url(url).parse().map_err(invalid)?;
        let builder = Client::builder(TokioExecutor::new());
        let client = if target.scheme_str() == Some("https") {
            let roots = HttpsConnectorBuilder::new().with_native_roots();
            let roots = roots.map_err(|error| ServerError::Certificates { url: url.to_owned(), error })?;
            AnyClient::Tls(builder.build(roots.https_only().enable_http1().build()))
        } else {
            AnyClient::Plain(builder.build_http())
        };
        Ok(Self { client, url: target, model: model.to_owned() })
    }

    /// Waits for a completed, streamed request.
    ///
    /// # Errors
    /// There is none within `deadline`: what was seen last, and how often.
    pub async fn wait(&self, deadline: Duration) -> Result<(), NotServing> {
        let start = Instant::now();
        let mut seen = Observations::default();
        loop {
            let left = deadline.saturating_sub(start.elapsed());
            let limit = left.min(REQUEST_TIMEOUT);
            match timeout(limit, self.ask()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(observation)) => seen.add(observation),
                Err(_) if limit < REQUEST_TIMEOUT => seen.add("a request was not completed before the deadline".into()),
                Err(_) => seen.add(format!("no completed answer within {} s", REQUEST_TIMEOUT.as_secs())),
            }
            if start.elapsed() + PAUSE >= deadline {
                return Err(NotServing {
                    url: self.url.to_string(),
                    model: self.model.clone(),
                    seconds: deadline.as_secs(),
                    seen: seen.to_string(),
                });
            }
            sleep(PAUSE).await;
        }
    }

    /// One request; what was seen instead of a completed answer.
    async fn ask(&self) -> Result<(), String> {
        match &self.client {
            AnyClient::Plain(client) => self.ask_with(client).await,
            AnyClient::Tls(client) => self.ask_with(client).await,
        }
    }

    async fn ask_with<C: Connect + Clone + Send + Sync + 'static>(
        &self,
        client: &Client<C, String>,
    ) -> Result<(), String> {
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream")
            .body(body(&self.model).to_string())
            .map_err(|error| error.to_string())?;
        let response = client.request(request).await.map_err(|error| with_causes(&error))?;
        let status = response.status();
        let mut body = response.into_body();
        let (mut answer, mut text, mut length) = (Stream::default(), String::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| format!("the answer broke off: {}", with_causes(&error)))?;
            let Some(data) = frame.data_ref() else { continue };
            length += data.len();
            if length > LONGEST_ANSWER {
                return Err(format!("an answer of more than {LONGEST_ANSWER} bytes"));
            }
            if text.len() < LONGEST_EXCERPT {
                text.push_str(&String::from_utf8_lossy(data));
            }
            answer.feed(data);
        }
        judge(status, &answer, &text)
    }
}

/// As the load tool joins it.
fn chat_url(base: &str) -> String {
    let base = base.trim_end_matches('/');
    if base.ends_with("/chat/completions") {
        base.to_owned()
    } else if base.ends_with("/v1") {
        format!("{base}/chat/completions")
    } else {
        format!("{base}/v1/chat/completions")
    }
}

/// With the parameters the load tool will send: a server that refuses one of them must show it now.
fn body(model: &str) -> Value {
    json!({
        "model": model,
        "messages": [{"role": "user", "content": "Count from one to ten."}],
        "stream": true,
        "stream_options": {"include_usage": true},
        "max_completion_tokens": TOKENS,
        "min_tokens": TOKENS,
        "ignore_eos": true,
    })
}

fn judge(status: StatusCode, answer: &Stream, text: &str) -> Result<(), String> {
    let excerpt = text::beginning(text.trim(), LONGEST_EXCERPT);
    if status != StatusCode::OK {
        return Err(format!("HTTP {status}: {excerpt}"));
    }
    if let Some(error) = &answer.error {
        return Err(format!("an error in the stream: {}", text::beginning(error, LONGEST_EXCERPT)));
    }
    match (answer.tokens, answer.finished) {
        (true, true) => Ok(()),
        (false, true) => Err("a stream without a single token".into()),
        (true, false) => Err("a stream that ended in mid-answer".into()),
        (false, false) => Err(format!("HTTP {status}, but no stream of answers: {excerpt}")),
    }
}

/// A streamed answer (server-sent events), as far as it matters here.
#[derive(Default)]
struct Stream {
    partial: Vec<u8>,
    /// Some chunk carried generated text.
    tokens: bool,
    /// The answer was ended by the server.
    finished: bool,
    error: Option<String>,
}

impl Stream {
    fn feed(&mut self, bytes: &[u8]) {
        self.partial.extend(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            self.line(String::from_utf8_lossy(&line).trim());
        }
    }

    fn line(&mut self, line: &str) {
        let Some(data) = line.strip_prefix("data:").map(str::trim) else { return };
        if data == "[DONE]" {
            self.finished = true;
            return;
        }
        let Ok(event) = serde_json::from_str::<Value>(data) else { return };
        if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
            self.error = Some(error.to_string());
        }
        for choice in event["choices"].as_array().into_iter().flatten() {
            let texts = choice["delta"].as_object().into_iter().flatten().filter(|(name, _)| *name != "role");
            self.tokens |= texts.map(|(_, value)| value.as_str()).any(|text| text.is_some_and(|text| !text.is_empty()));
            self.finished |= choice["finish_reason"].is_string();
        }
    }
}

/// What was seen, latest last; the same thing again only counts.
#[derive(Default)]
struct Observations(VecDeque<(String, u32)>);

impl Observations {
    fn add(&mut self, observation: String) {
        match self.0.back_mut() {
            Some((last, count)) if *last == observation => *count += 1,
            _ => self.0.push_back((observation, 1)),
        }
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
    }
}

impl std::fmt::Display for Observations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for (place, (observation, count)) in self.0.iter().rev().enumerate() {
            let before = if place == 0 { "last seen: " } else { "; before: " };
            let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
            write!(text, "{before}{observation}{times}")?;
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TOKEN: &str = r#"data: {"choices":[{"delta":{"role":"assistant","content":"one"},"finish_reason":null}]}"#;
    const STOP: &str = r#"data: {"choices":[{"delta":{},"finish_reason":"length"}]}"#;
    const USAGE: &str = r#"data: {"choices":[],"usage":{"completion_tokens":8}}"#;

    #[rstest]
    #[case::complete(200, &[TOKEN, STOP, USAGE, "data: [DONE]"], None)]
    #[case::without_done(200, &[TOKEN, STOP], None)]
    #[case::reasoning(200, &[r#"data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}"#, "data: [DONE]"], None)]
    #[case::not_found(404, &[r#"{"message":"model not found"}"#], Some("HTTP 404 Not Found: {\"message\""))]
    #[case::broken_off(200, &[TOKEN, TOKEN], Some("ended in mid-answer"))]
    #[case::empty(200, &[], Some("no stream of answers"))]
    #[case::not_streamed(200, &[r#"{"choices":[{"message":{"content":"one"}}]}"#], Some("no stream of answers"))]
    #[case::no_token(200, &[r#"data: {"choices":[{"delta":{"role":"assistant","content":""}}]}"#, STOP], Some("without a single token"))]
    #[case::error(200, &[TOKEN, r#"data: {"error":{"message":"engine died"}}"#, "data: [DONE]"], Some("engine died"))]
    fn only_a_completed_stream_serves(#[case] status: u16, #[case] lines: &[&str], #[case] problem: Option<&str>) {
        let text = lines.join("\n\n") + "\n\n";
        let status = StatusCode::from_u16(status).unwrap_or_default();
        for size in [1, 7, 4096] {
            let mut answer = Stream::default();
            text.as_bytes().chunks(size).for_each(|chunk| answer.feed(chunk));
            match (judge(status, &answer, &text), problem) {
                (Ok(()), None) => {}
                (Err(said), Some(expected)) if said.contains(expected) => {}
                (judged, _) => panic!("{judged:?}, expected {problem:?}"),
            }
        }
    }

    #[rstest]
    #[case("http://h:8000", "http://h:8000/v1/chat/completions")]
    #[case("http://h:8000/", "http://h:8000/v1/chat/completions")]
    #[case("http://h/v1", "http://h/v1/chat/completions")]
    #[case("https://h/models/a/v1/", "https://h/models/a/v1/chat/completions")]
    #[case("http://h/v1/chat/completions", "http://h/v1/chat/completions")]
    fn the_path_is_joined_once(#[case] base: &str, #[case] expected: &str) {
        assert_eq!(chat_url(base), expected);
    }

    #[test]
    fn observations_are_counted_and_listed_latest_first() {
        let mut seen = Observations::default();
        ["a", "refused", "refused", "404", "404", "404", "503"].into_iter().for_each(|what| seen.add(what.into()));
        assert_eq!(seen.to_string(), "last seen: 503; before: 404 (3 times); before: refused (2 times)");
    }
}
