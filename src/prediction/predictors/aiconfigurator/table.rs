//! AIConfigurator's CSV files. Columns come and go between versions: they are looked up by name, never by place.

use csv::StringRecord;
use serde_json::{Map, Value};

use crate::prediction::like::RowSubject;
use crate::prediction::predictors::predictor::PickError;
use crate::prediction::row::Row;
use crate::prediction::serving::{Serving, Workers};
use crate::units::{Milliseconds, RequestsPerSecond, TokensPerSecond};

/// How far a latency may be off TTFT + TPOT × (tokens − 1), as a share; more, and TPOT includes the first token.
const SAME_LATENCY: f64 = 0.01;

/// A row, and what the tool ranks by.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedRow {
    /// The row, for one replica.
    pub row: Row,
    /// What it was computed for.
    pub subject: RowSubject,
    /// Tokens per second ÷ all GPUs, those that the configuration leaves unused included.
    pub cluster_throughput: f64,
}

/// The rows of a table, in their order. A file without rows, or of one empty line, is an empty table: the tool found
/// nothing.
pub fn read_table(file: &str, text: &str) -> Result<Vec<RankedRow>, PickError> {
    let unreadable = |problem: String| PickError::Unreadable { file: file.to_owned(), problem };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| unreadable(error.to_string()))?.clone();
    if header.len() == 1 && header.get(0).is_some_and(|only| only.contains(';')) {
        let problem =
            "has semicolons between its columns, as spreadsheets save them: give the file as the predictor wrote it";
        return Err(unreadable(problem.to_owned()));
    }
    let mut rows = vec![];
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(error.to_string()))?;
        let line = TableLine { header: &header, record: &record };
        if line.optional_number("(e)workers").map_err(unreadable)?.unwrap_or(0.0) > 0.0 {
            // Separate workers for images: nothing we deploy or load.
            continue;
        }
        rows.push(line.ranked_row().map_err(unreadable)?);
    }
    Ok(rows)
}

/// The row of an estimate of the tool's Python API, which has the columns of its tables.
pub fn read_estimate(columns: &Map<String, Value>) -> Result<Row, PickError> {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let header: StringRecord = columns.keys().map(String::as_str).collect();
    let record: StringRecord = columns.values().map(cell).collect();
    let row = TableLine { header: &header, record: &record }.ranked_row();
    row.map(|ranked| ranked.row).map_err(|problem| PickError::Unreadable { file: "an estimate".into(), problem })
}

struct TableLine<'a> {
    header: &'a StringRecord,
    record: &'a StringRecord,
}

impl TableLine<'_> {
    fn ranked_row(&self) -> Result<RankedRow, String> {
        let row = if self.has("(d)tp") { self.disaggregated()? } else { self.aggregated()? };
        let per_gpu = row.advertised_tokens_per_second_per_gpu.get();
        let cluster_throughput = self.optional_number("tokens/s/gpu_cluster")?.unwrap_or(per_gpu);
        Ok(RankedRow { row, subject: self.subject()?, cluster_throughput })
    }

    fn subject(&self) -> Result<RowSubject, String> {
        let systems = ["system", "(p)system", "(d)system"].iter().filter_map(|column| self.text(column));
        Ok(RowSubject {
            model: self.text("model"),
            systems: systems.collect(),
            cached_tokens: self.optional_count("prefix")?.unwrap_or(0),
        })
    }

    fn aggregated(&self) -> Result<Row, String> {
        let workers = self.workers("", 1)?;
        let concurrency = self.count("concurrency")?;
        let output_tokens = self.count("osl")?;
        Ok(Row {
            num_tokens: self.optional_count("num_tokens")?,
            context_tokens: self.optional_count("ctx_tokens")?,
            weights: self.text("gemm"),
            kv_cache: self.text("kvcache"),
            backend: self.text("backend"),
            database_version: self.text("version"),
            request_rate: self.request_rate([output_tokens.saturating_sub(1), output_tokens])?,
            ..self.row(Serving::Aggregated { workers }, concurrency, output_tokens)?
        })
    }

    fn disaggregated(&self) -> Result<Row, String> {
        let (prefill, decode) = (self.count("(p)workers")?, self.count("(d)workers")?);
        let serving =
            Serving::Disaggregated { prefill: self.workers("(p)", prefill)?, decode: self.workers("(d)", decode)? };
        let output_tokens = self.count("osl")?;
        let row = Row {
            weights: self.text("(d)gemm"),
            kv_cache: self.text("(d)kvcache"),
            backend: self.text("(d)backend"),
            database_version: self.text("(d)version"),
            request_rate: self.request_rate([output_tokens, output_tokens.saturating_sub(1)])?,
            ..self.row(serving, self.count("concurrency")?, output_tokens)?
        };
        // The column counts places in the decode workers; fewer requests may fill what prefill delivers.
        let carried = (row.request_rate.get() * row.request_latency.get() / 1000.0).round().max(1.0);
        Ok(Row { concurrency: row.concurrency.min(carried as u32), ..row })
    }

    /// What both kinds of rows share.
    fn row(&self, serving: Serving, concurrency: u32, output_tokens: u32) -> Result<Row, String> {
        let (ttft, tpot) = (self.number("ttft")?, self.number("tpot")?);
        // Up to 0.4 there is no latency column; later ones hold exactly this sum.
        let following = f64::from(output_tokens.saturating_sub(1));
        let sum = ttft + tpot * following;
        let latency = self.optional_number("request_latency")?.unwrap_or(sum);
        let exact = (latency - ttft) / following;
        let inclusive = (latency - sum).abs() > SAME_LATENCY * latency && exact.is_finite() && exact > 0.0;
        let (tpot, printed) = if inclusive { (exact, Some(milliseconds("tpot", tpot)?)) } else { (tpot, None) };
        Ok(Row {
            serving,
            gpus: self.count("num_total_gpus")?,
            concurrency,
            ttft: milliseconds("ttft", ttft)?,
            tpot: milliseconds("tpot", tpot)?,
            request_latency: milliseconds("request_latency", latency)?,
            request_rate: RequestsPerSecond::default(),
            advertised_tokens_per_second_per_gpu: tokens_per_second("tokens/s/gpu", self.number("tokens/s/gpu")?)?,
            num_tokens: None,
            context_tokens: None,
            input_tokens: self.count("isl")?,
            output_tokens,
            weights: None,
            kv_cache: None,
            backend: None,
            database_version: None,
            inclusive_tpot: printed,
        })
    }

    fn workers(&self, prefix: &str, replicas: u32) -> Result<Workers, String> {
        let column = |name: &str| format!("{prefix}{name}");
        Ok(Workers {
            data_parallel: self.count(&column("dp"))?,
            context_parallel: self.optional_count(&column("cp"))?.unwrap_or(1).max(1),
            moe_tensor_parallel: self.optional_count(&column("moe_tp"))?,
            moe_expert_parallel: self.optional_count(&column("moe_ep"))?,
            max_batch_size: self.optional_count(&column("bs"))?,
            ..Workers::new(self.count(&column("tp"))?, self.count(&column("pp"))?, replicas)
        })
    }

    /// Requests per second. The column is rounded to three decimals, so it is taken from tokens per second, which
    /// has more digits, with whichever count of tokens per request fits the column.
    fn request_rate(&self, tokens_per_request: [u32; 2]) -> Result<RequestsPerSecond, String> {
        let rounded = self.number("seq/s")?;
        let tokens = self.optional_number("tokens/s")?.unwrap_or(0.0);
        let rates = tokens_per_request.into_iter().filter(|count| *count > 0).map(|count| tokens / f64::from(count));
        let exact = rates.into_iter().find(|rate| (rate - rounded).abs() <= 0.0006);
        RequestsPerSecond::new(exact.unwrap_or(rounded)).map_err(|error| format!("column seq/s: {error}"))
    }

    fn has(&self, column: &str) -> bool {
        self.header.iter().any(|name| name == column)
    }

    /// The cell of a column; absent and empty are the same.
    fn text(&self, column: &str) -> Option<String> {
        let index = self.header.iter().position(|name| name == column)?;
        self.record.get(index).map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned)
    }

    fn optional_number(&self, column: &str) -> Result<Option<f64>, String> {
        let Some(cell) = self.text(column) else { return Ok(None) };
        let line = self.record.position().map_or(0, csv::Position::line);
        match cell.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(format!("line {line}, column {column}: `{cell}` is not a finite number")),
        }
    }

    fn number(&self, column: &str) -> Result<f64, String> {
        self.optional_number(column)?.ok_or_else(|| format!("no column {column}, or an empty cell in it"))
    }

    /// A count from 0; the tool writes some as `191.0`.
    fn optional_count(&self, column: &str) -> Result<Option<u32>, String> {
        match self.optional_number(column)? {
            None => Ok(None),
            Some(number) if number >= 0.0 && number <= f64::from(u32::MAX) => Ok(Some(number.round() as u32)),
            Some(number) => Err(format!("column {column}: {number} is not a count")),
        }
    }

    /// A count from 1.
    fn count(&self, column: &str) -> Result<u32, String> {
        match self.optional_count(column)? {
            Some(0) | None => Err(format!("column {column} is missing, empty or 0")),
            Some(count) => Ok(count),
        }
    }
}

fn milliseconds(column: &str, number: f64) -> Result<Milliseconds, String> {
    Milliseconds::new(number).map_err(|error| format!("column {column}: {error}"))
}

fn tokens_per_second(column: &str, number: f64) -> Result<TokensPerSecond, String> {
    TokensPerSecond::new(number).map_err(|error| format!("column {column}: {error}"))
}
