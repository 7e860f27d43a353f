//! In which order many people are told.

/// So many are as good as told at the same time.
const TOLD_AT_ONCE: usize = 32;

/// Of a crowd behind those who are asked first each channel begins with its own share, and then helps the others from the
/// end of theirs: so everybody in it hears something before anybody hears all, also where one channel is slow.
pub(super) fn spread<T>(people: &mut [T], channel: usize, channels: usize) {
    let crowd = people.get_mut(TOLD_AT_ONCE..).unwrap_or_default();
    let (all, channels) = (crowd.len(), channels.max(1));
    crowd.rotate_left(all * channel / channels);
    crowd[all.div_ceil(channels)..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_crowd_each_channel_begins_with_its_own_share() {
        let people: Vec<usize> = (0..TOLD_AT_ONCE + 6).collect();
        let told = |channel| {
            let mut people = people.clone();
            spread(&mut people, channel, 3);
            let (first, crowd) = people.split_at(TOLD_AT_ONCE);
            assert!(first.iter().copied().eq(0..TOLD_AT_ONCE));
            crowd.iter().map(|n| n - TOLD_AT_ONCE).collect::<Vec<_>>()
        };
        assert_eq!(told(0), [0, 1, 5, 4, 3, 2]);
        assert_eq!(told(1), [2, 3, 1, 0, 5, 4]);
        assert_eq!(told(2), [4, 5, 3, 2, 1, 0]);
    }
}
