//! Step times from a table: at points, as a predictor gives them.

use super::step::Step;

/// The points of a [`Grid`]; times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GridPoints {
    /// Tokens of a prompt, rising.
    pub prompt_tokens: Vec<f64>,
    /// What a prompt takes: a time for each of `prompt_tokens`.
    pub prefill: Vec<f64>,
    /// Requests that decode, rising.
    pub batches: Vec<f64>,
    /// Mean tokens that a decoding request has behind it, rising.
    pub contexts: Vec<f64>,
    /// What decoding takes: for each of `batches`, a time for each of `contexts`.
    pub decode: Vec<Vec<f64>>,
    /// What decoding adds to a step with one, two, … prompts: for each such number, a time for each of `batches`. Steps
    /// with more prompts are priced as the last; where nothing is given, decoding adds what it takes alone.
    pub beside_prompts: Vec<Vec<f64>>,
}

/// Times of steps over what is in them; between and beyond the points they go on in straight lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid(GridPoints);

/// What is wrong with the points of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// Straight lines need two points.
    #[error("An axis of step times has fewer than two points: give two or more")]
    TooFewPoints,
    /// Points are read from left to right.
    #[error("The points of an axis of step times do not rise: sort them, and give each once")]
    NotRising,
    /// Each point has its time.
    #[error("Step times and the points of their axis differ in number: give one time for each point")]
    WrongShape,
    /// A step neither takes for ever nor goes backwards.
    #[error("A step time, or a point of its axis, is not a finite number of 0 or more: correct it")]
    NotAQuantity,
}

impl TryFrom<GridPoints> for Grid {
    type Error = GridError;

    fn try_from(points: GridPoints) -> Result<Self, GridError> {
        [&points.prompt_tokens, &points.batches, &points.contexts].into_iter().try_for_each(|axis| check_axis(axis))?;
        check_times(&points.prefill, &points.prompt_tokens)?;
        points.decode.iter().try_for_each(|times| check_times(times, &points.contexts))?;
        points.beside_prompts.iter().try_for_each(|times| check_times(times, &points.batches))?;
        if points.decode.len() == points.batches.len() { Ok(Self(points)) } else { Err(GridError::WrongShape) }
    }
}

fn check_axis(points: &[f64]) -> Result<(), GridError> {
    check_quantities(points)?;
    match points {
        [] | [_] => Err(GridError::TooFewPoints),
        points if points.windows(2).all(|pair| pair[0] < pair[1]) => Ok(()),
        _ => Err(GridError::NotRising),
    }
}

fn check_times(times: &[f64], axis: &[f64]) -> Result<(), GridError> {
    check_quantities(times)?;
    if times.len() == axis.len() { Ok(()) } else { Err(GridError::WrongShape) }
}

fn check_quantities(values: &[f64]) -> Result<(), GridError> {
    if values.iter().all(|value| value.is_finite() && *value >= 0.0) { Ok(()) } else { Err(GridError::NotAQuantity) }
}

impl Grid {
    pub(super) fn milliseconds(&self, step: &Step) -> f64 {
        (self.prefill(step) + self.decoding(step)).max(0.0)
    }

    fn prefill(&self, step: &Step) -> f64 {
        let prompts = f64::from(step.prompts);
        match step.prompts {
            0 => 0.0,
            _ => prompts * along(&self.0.prompt_tokens, &self.0.prefill, f64::from(step.prompt_tokens) / prompts),
        }
    }

    fn decoding(&self, step: &Step) -> f64 {
        let batch = f64::from(step.decoding);
        let priced_as = self.0.beside_prompts.len().min(step.prompts as usize);
        match (step.decoding, priced_as.checked_sub(1)) {
            (0, _) => 0.0,
            (_, Some(row)) => along(&self.0.batches, &self.0.beside_prompts[row], batch),
            (_, None) => {
                let context = step.context_tokens as f64 / batch;
                let (left, share) = segment(&self.0.batches, batch);
                let times = [left, left + 1].map(|row| along(&self.0.contexts, &self.0.decode[row], context));
                times[0] * (1.0 - share) + times[1] * share
            }
        }
    }
}

/// The time at a point of an axis.
fn along(axis: &[f64], times: &[f64], point: f64) -> f64 {
    let (left, share) = segment(axis, point);
    times[left] * (1.0 - share) + times[left + 1] * share
}

/// The segment of a rising axis of two points or more that a point belongs to: the index of its left end, and how far
/// along it the point lies (below 0 or above 1 beyond the axis).
fn segment(axis: &[f64], point: f64) -> (usize, f64) {
    let right = axis.partition_point(|end| *end <= point).clamp(1, axis.len() - 1);
    (right - 1, (point - axis[right - 1]) / (axis[right] - axis[right - 1]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn points() -> GridPoints {
        GridPoints {
            prompt_tokens: vec![100.0, 300.0],
            prefill: vec![10.0, 30.0],
            batches: vec![1.0, 3.0],
            contexts: vec![1000.0, 2000.0],
            decode: vec![vec![4.0, 8.0], vec![6.0, 10.0]],
            beside_prompts: vec![vec![1.0, 2.0], vec![2.0, 3.0]],
        }
    }

    fn step(prompts: u32, prompt_tokens: u32, decoding: u32, context: u64) -> Step {
        Step { prompts, prompt_tokens, decoding, context_tokens: context * u64::from(decoding) }
    }

    #[rstest]
    #[case::nothing(step(0, 0, 0, 0), 0.0)]
    #[case::on_a_point(step(0, 0, 3, 2000), 10.0)]
    #[case::between_batches_and_contexts(step(0, 0, 2, 1500), 7.0)]
    #[case::beyond_the_batches(step(0, 0, 4, 1000), 7.0)]
    #[case::below_the_contexts(step(0, 0, 1, 500), 2.0)]
    #[case::no_step_goes_backwards(step(0, 0, 1, 0), 0.0)]
    #[case::two_prompts_of_200(step(2, 400, 0, 0), 40.0)]
    #[case::a_prompt_beside_two(step(1, 200, 2, 1500), 20.0 + 1.5)]
    #[case::priced_as_two_prompts(step(3, 600, 2, 1500), 60.0 + 2.5)]
    fn times_lie_between_the_points(#[case] step: Step, #[case] expected: f64) {
        assert_eq!(Grid::try_from(points()).unwrap().milliseconds(&step), expected);
    }

    #[test]
    fn without_figures_for_mixed_steps_the_parts_add_up() {
        let grid = Grid::try_from(GridPoints { beside_prompts: vec![], ..points() }).unwrap();
        assert_eq!(grid.milliseconds(&step(1, 200, 2, 1500)), 20.0 + 7.0);
    }

    #[rstest]
    #[case::one_point(GridPoints { batches: vec![1.0], ..points() }, GridError::TooFewPoints)]
    #[case::no_points(GridPoints::default(), GridError::TooFewPoints)]
    #[case::twice_the_same(GridPoints { contexts: vec![1.0, 1.0], ..points() }, GridError::NotRising)]
    #[case::a_point_without_a_time(GridPoints { prefill: vec![1.0], ..points() }, GridError::WrongShape)]
    #[case::a_batch_without_times(GridPoints { decode: vec![vec![4.0, 8.0]], ..points() }, GridError::WrongShape)]
    #[case::no_number(GridPoints { prefill: vec![1.0, f64::NAN], ..points() }, GridError::NotAQuantity)]
    #[case::negative(GridPoints { beside_prompts: vec![vec![-1.0, 2.0]], ..points() }, GridError::NotAQuantity)]
    fn points_that_are_no_grid_are_refused(#[case] points: GridPoints, #[case] expected: GridError) {
        assert_eq!(Grid::try_from(points), Err(expected));
    }
}
