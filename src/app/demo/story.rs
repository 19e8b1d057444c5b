//! The words of the demo: what is happening, and what to see in a ranking.
//!
//! Invariant: nothing is said that the numbers beside it do not show.

use std::net::SocketAddr;

use super::stream::Stream;
use crate::app::table::printable;
use crate::campaign::AccountTruth;
use crate::model::{Label, SegmentStandings, Standing};

const CELEBRITY: &str = "celebrity";
const DAY_SECONDS: f64 = 86_400.0;

/// What is happening, and where to look.
pub(super) fn opening(stream: &Stream, brokers: &str, address: SocketAddr) -> Vec<String> {
    let mut lines =
        vec![format!("sillage demo: the whole daemon, on a broker inside this process, {brokers}")];
    let pace = pace(stream.speed());
    match stream {
        Stream::Campaign { plan, campaign, .. } => {
            let (people, days) = (grouped(plan.people.into()), plan.days);
            lines
                .push(format!("  campaign  {people} people, the {days} days before today, {pace}"));
            lines.extend(planted(&campaign.truth().accounts));
        }
        Stream::Recorded { files, extent, .. } => {
            let names: Vec<_> = files.iter().map(|f| printable(&f.to_string_lossy())).collect();
            lines.push(format!("  stream    {}, {pace}", names.join(", ")));
            if let Some(extent) = extent {
                let (events, days) = (grouped(extent.events), extent.span_seconds / DAY_SECONDS);
                lines.push(format!("  extent    {events} events over {days:.1} days"));
            }
        }
    }
    lines.push(format!("  page      http://{address}/   metrics http://{address}/metrics"));
    lines.push(String::new());
    lines
}

fn planted(accounts: &[AccountTruth]) -> [String; 4] {
    let fans = |name: &str| {
        let account = accounts.iter().find(|account| account.name == name);
        grouped(account.map_or(0, |account| account.fans.into()))
    };
    let (celebrity, mid, homophily) = (fans(CELEBRITY), fans("mid"), fans("homophily"));
    let (micro, ring) = (fans("micro"), fans("ring"));
    [
        format!("  planted   celebrity ({celebrity} fans, more followers bought, answers nobody),"),
        format!(
            "            mid ({mid}), homophily ({homophily}), micro ({micro}, answers most), \
             ring ({ring} bots)"
        ),
        "  watch     the celebrity: popular, not influential; and whose points for conversions"
            .into(),
        "            appear when the days prove them: micro triples sales, mid has 1.5 times"
            .into(),
    ]
}

/// In words, what the ranking shows: one line or two.
pub(super) fn what_to_see(segment: &SegmentStandings) -> Vec<String> {
    let Some(leader) = segment.influencers.first() else { return Vec::new() };
    if let Some((_, celebrity)) = segment.find(CELEBRITY) {
        return of_celebrity(celebrity, segment);
    }
    let popular = segment.influencers.iter().max_by(|a, b| a.popularity.total_cmp(&b.popularity));
    match popular {
        Some(popular) if popular.popularity > leader.popularity => {
            let (rank, _) = segment.find(&popular.influencer).unwrap_or((1, popular));
            vec![format!(
                "{} is the most popular ({:.1}) and number {rank} by influence ({:.1}).",
                printable(&popular.influencer),
                popular.popularity,
                popular.score
            )]
        }
        _ => vec![format!(
            "{} leads: {:.1} % of the active audience pass it on, {:.1} % talk with it.",
            printable(&leader.influencer),
            leader.amplify_share * 100.0,
            leader.relate_share * 100.0
        )],
    }
}

fn of_celebrity(celebrity: &Standing, segment: &SegmentStandings) -> Vec<String> {
    let Standing { popularity, score, relate_points, active_fans: fans, .. } = celebrity;
    let verdict = match celebrity.label {
        Label::Popular => "is popular and not influential",
        Label::Insufficient => "has too few fans to be judged yet",
        Label::Both => "is popular and influential",
        Label::Influential => "is influential",
        _ if popularity > score => "is more popular than influential",
        Label::Emerging | Label::Quiet => "is not popular yet",
    };
    let mut lines =
        vec![format!("The celebrity {verdict}: popularity {popularity:.1}, influence {score:.1}.")];
    let best = segment.influencers.iter().find(|s| s.influencer != celebrity.influencer);
    if let Some(best) = best.filter(|best| best.relate_points > *relate_points) {
        let place = if best.score > *score { "is ahead of it" } else { "is not far behind" };
        let (name, few, many) =
            (printable(&best.influencer), grouped(best.active_fans), grouped(*fans));
        lines.push(format!(
            "{name} {place} ({:.1}) with {few} fans to its {many}: it talks with them.",
            best.score
        ));
    }
    let most = segment
        .influencers
        .iter()
        .max_by(|a, b| a.proven_conversions.total_cmp(&b.proven_conversions));
    if let Some(most) = most.filter(|most| most.proven_conversions >= 1.0) {
        lines.push(format!(
            "{} sells: {:.0} of {} conversions after acts on it are proven to be its doing.",
            printable(&most.influencer),
            most.proven_conversions,
            grouped(most.lift.exposed_conversions),
        ));
    }
    lines
}

fn pace(speed: f64) -> String {
    let days = speed / DAY_SECONDS;
    if (days - 1.0).abs() < 1e-9 {
        "a day a second".into()
    } else if days >= 1.0 {
        format!("{days:.1} days a second")
    } else if speed >= 3_600.0 {
        format!("{:.1} hours a second", speed / 3_600.0)
    } else if speed >= 60.0 {
        format!("{:.1} minutes a second", speed / 60.0)
    } else if (speed - 1.0).abs() < 1e-9 {
        "as fast as it happened".into()
    } else {
        format!("{speed} seconds a second")
    }
}

/// A count with a comma before each three digits.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), text);
        }
        for (speed, text) in [
            (86_400.0, "a day a second"),
            (216_000.0, "2.5 days a second"),
            (7_200.0, "2.0 hours a second"),
            (90.0, "1.5 minutes a second"),
            (1.0, "as fast as it happened"),
            (0.5, "0.5 seconds a second"),
        ] {
            assert_eq!(pace(speed), text);
        }
    }
}
