//! How long a step of an engine takes.

use super::grid::Grid;
use super::step::Step;
use crate::units::Milliseconds;

/// How long a step takes, by what is in it.
#[derive(Clone, Debug, PartialEq)]
pub enum StepTime {
    /// Grows in proportion.
    Linear(Linear),
    /// Between the points of a measured or predicted table.
    Grid(Grid),
}

impl StepTime {
    pub fn milliseconds(&self, step: &Step) -> f64 {
        match self {
            Self::Linear(linear) => linear.milliseconds(step),
            Self::Grid(grid) => grid.milliseconds(step),
        }
    }
}

/// Time in proportion to what is in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Linear {
    /// For each prompt, or part of one.
    pub prompt: Milliseconds,
    /// For each token of a prompt.
    pub prompt_token: Milliseconds,
    /// For the first request that decodes.
    pub decode: Milliseconds,
    /// For each further one.
    pub further_decode: Milliseconds,
}

impl Linear {
    fn milliseconds(&self, step: &Step) -> f64 {
        let prefill =
            self.prompt.get() * f64::from(step.prompts) + self.prompt_token.get() * f64::from(step.prompt_tokens);
        match step.decoding {
            0 => prefill,
            decoding => prefill + self.decode.get() + self.further_decode.get() * f64::from(decoding - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(0, 0, 0, 0.0)]
    #[case::one_decodes(0, 0, 1, 5.0)]
    #[case::three_decode(0, 0, 3, 7.0)]
    #[case::a_prompt(1, 400, 0, 50.0)]
    #[case::two_prompts_beside_three(2, 800, 3, 107.0)]
    fn linear_times_add_up(
        #[case] prompts: u32,
        #[case] prompt_tokens: u32,
        #[case] decoding: u32,
        #[case] expected: f64,
    ) {
        let ms = |value: f64| Milliseconds::new(value).unwrap();
        let linear = Linear { prompt: ms(10.0), prompt_token: ms(0.1), decode: ms(5.0), further_decode: ms(1.0) };
        let step = Step { prompts, prompt_tokens, decoding, context_tokens: 100 };
        assert_eq!(StepTime::Linear(linear).milliseconds(&step), expected);
    }
}
