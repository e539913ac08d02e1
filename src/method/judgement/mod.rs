//! From trials to a verdict (METHOD §5–§7).

pub mod comparison;
pub mod crossing;
pub mod gain;
pub mod level;
pub mod rounds;
pub mod rules;
pub mod side;
pub mod statistics;

#[cfg(test)]
mod worked_example;
