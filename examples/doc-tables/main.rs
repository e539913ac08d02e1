//! Writes the tables of docs/ that say what the code says, and the schema of a report: `cargo run -q --example doc-tables`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod tables;

fn main() {
    for path in tables::DOCUMENTS {
        let path = tables::in_repository(path);
        let document = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, tables::updated(&document)).unwrap();
    }
    std::fs::write(tables::report_schema_path(), tables::report_schema()).unwrap();
}
