//! Comparisons of servers whose truth is known, carried out by the product's own sweep and judgement.

pub mod campaign;
pub mod dice;
pub mod first_method;
pub mod many;
pub mod server;
pub mod tally;
