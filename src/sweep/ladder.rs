//! The levels every variant is loaded with (METHOD §4).

/// Levels of a ladder at most (METHOD §4).
pub const MOST_LEVELS: usize = 24;
/// A capacity that lies so many times above the specification's top is left off: none misses there, or doubling gets there
/// (METHOD §4).
const FARTHEST_CAPACITY: u32 = 4;

/// The specification's levels, the claims' and the capacities of all variants, ascending: what one variant is loaded with,
/// all are.
///
/// Where they are too many, the specification's levels give way, the highest first: a claim is what is to be checked, and
/// without a capacity the throughput between two levels is misread.
pub fn ladder(specification: &[u32], claims: &[u32], capacities: &[u32]) -> Vec<u32> {
    let top = specification.iter().chain(claims).copied().max().unwrap_or(0);
    let farthest = specification.iter().copied().max().unwrap_or(top).saturating_mul(FARTHEST_CAPACITY);
    let near = capacities.iter().copied().filter(|capacity| *capacity <= farthest);
    let mut levels: Vec<u32> = vec![];
    let mut take = |wanted: &mut dyn Iterator<Item = u32>| {
        let mut wanted: Vec<u32> = wanted.filter(|level| *level > 0).collect();
        wanted.sort_unstable();
        for level in wanted {
            if levels.len() < MOST_LEVELS && !levels.contains(&level) {
                levels.push(level);
            }
        }
    };
    take(&mut claims.iter().copied());
    take(&mut near.into_iter());
    take(&mut specification.iter().copied());
    levels.sort_unstable();
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_and_capacities_are_levels_too() {
        assert_eq!(ladder(&[50, 1, 10], &[12], &[16, 10]), [1, 10, 12, 16, 50]);
    }

    #[test]
    fn a_capacity_far_above_the_top_is_left_off() {
        assert_eq!(ladder(&[1, 10], &[], &[40, 41, 256]), [1, 10, 40]);
        assert_eq!(ladder(&[1, 10], &[100], &[41]), [1, 10, 100], "a claim does not draw capacities after it");
    }

    #[test]
    fn zero_is_no_level() {
        assert_eq!(ladder(&[0, 2], &[0], &[0]), [2]);
        assert!(ladder(&[], &[], &[]).is_empty());
    }

    #[test]
    fn where_there_are_too_many_the_specifications_give_way() {
        let specification: Vec<u32> = (1..=30).collect();
        let levels = ladder(&specification, &[100], &[90]);
        assert_eq!(levels.len(), MOST_LEVELS);
        assert!(levels.contains(&100) && levels.contains(&90) && levels.contains(&22) && !levels.contains(&23));
    }
}
