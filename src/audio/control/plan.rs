//! One plan out of all: the one of greatest expected quality.

use super::Policy;
use super::quality::{self, Repair};
use crate::audio::{Bitrate, Channels, FrameLength, Latency, Mode, SenderConfig};
use crate::rtp::red::MAX_OFFSET;
use crate::rtp::{MAX_PARITY_FRAMES, MAX_RED_DISTANCE, RedHeader};

/// Everything about what is sent that the network has a say in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How much sound goes into a packet.
    pub frame: FrameLength,
    /// What Opus may spend.
    pub bitrate: Bitrate,
    /// Whether in-band error correction is sent.
    pub fec: bool,
    /// How many frames before its packet a copy was sent, 0 for no copies.
    pub red_distance: u8,
    /// How many copies of each frame are sent, each so many frames behind the one before it; 0 for none.
    pub red_copies: u8,
    /// How many frames each block of parity covers, which is sent behind as many; 0 for none. Then there are no copies.
    pub parity: u8,
    /// How far back deep redundancy reaches, in milliseconds, 0 for none.
    pub dred_ms: u32,
    /// Share of packets that the encoder is told to expect lost.
    pub expected_loss_percent: u8,
}

/// What both sides understand, and what is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// The longest packet that the other side takes, in milliseconds.
    pub max_ptime_ms: Option<u8>,
    /// The other side's cap on Opus.
    pub max_bitrate: Option<Bitrate>,
    /// Whether in-band error correction is made use of.
    pub fec: bool,
    /// Whether copies in RED are.
    pub red: bool,
    /// Whether deep redundancy is.
    pub dred: bool,
    /// Bytes on the wire around each Opus packet: IP, UDP, RTP, SRTP.
    pub overhead_bytes: u16,
    /// How headers of RED travel.
    pub red_header: RedHeader,
    /// What Opus spends of what it is told to, in thousandths.
    pub spent_permille: u16,
    /// Channels that are coded.
    pub channels: Channels,
    /// What is coded.
    pub mode: Mode,
}

impl Abilities {
    /// IPv4, UDP, RTP and the tag of AES-GCM.
    pub const OVERHEAD_BYTES: u16 = 20 + 8 + 12 + 16;
    /// What tags of 32 bits take less than those of AES-GCM.
    pub const SHORT_TAG_SAVES: u16 = 16 - 4;
    /// What short headers of RTP take less than whole ones.
    pub const SHORT_HEADER_SAVES: u16 = 12 - 3;

    /// On speech without a pause Opus spends a little more than it is told to; no more than that is known at first.
    pub const SPENT_AT_FIRST_PERMILLE: u16 = 1050;

    /// Whether blocks of parity are made use of: by who takes short headers.
    pub fn parity(&self) -> bool {
        self.red && self.red_header == RedHeader::Short
    }

    /// What can be said before anything is negotiated: plain Opus.
    pub fn plain(config: &SenderConfig) -> Abilities {
        Abilities {
            max_ptime_ms: None,
            max_bitrate: None,
            fec: config.fec,
            red: false,
            dred: false,
            overhead_bytes: Self::OVERHEAD_BYTES,
            red_header: RedHeader::Whole,
            spent_permille: Self::SPENT_AT_FIRST_PERMILLE,
            channels: config.channels,
            mode: config.mode,
        }
    }
}

/// What is known of the path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path {
    /// Share of packets lost, 0 to 1.
    pub lost: f64,
    /// Mean length of a burst of losses, in packets.
    pub burst: f64,
    /// Variation of the arrival times, in milliseconds.
    pub jitter_ms: f64,
    /// What it carries, in bits a second on the wire.
    pub limit_bps: Option<f64>,
}

impl Default for Path {
    /// A path of which nothing is known: it loses nothing.
    fn default() -> Path {
        Path { lost: 0.0, burst: 1.3, jitter_ms: 2.0, limit_bps: None }
    }
}

/// Copies that are tried: how many frames before its packet each was sent, and how many of each frame there are.
const COPIES: [(u8, u8); 10] =
    [(1, 1), (2, 1), (3, 1), (4, 1), (6, 1), (8, 1), (1, 2), (2, 2), (3, 2), (4, 2)];
/// Frames that a block of parity covers, as they are tried.
const PARITIES: [u8; 6] = [2, 3, 4, 5, 6, 8];
/// A block of parity is as long as the longest frame that it covers, beside their mean.
const PARITY_LENGTH: f64 = 1.05;

/// What packets carry of the frames before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Carried {
    distance: u8,
    copies: u8,
    parity: u8,
}

impl Carried {
    const NOTHING: Carried = Carried { distance: 0, copies: 0, parity: 0 };
}

/// Reaches of deep redundancy that are tried, in milliseconds.
const DRED_MS: [u32; 4] = [0, 60, 120, 240];
/// Rates of Opus that are tried beside the greatest that fits, in bits a second.
const RATES_BPS: [u32; 7] = [12_000, 16_000, 20_000, 24_000, 32_000, 40_000, 48_000];
/// A share lost below which nothing is sent against losses.
const NO_LOSS: f64 = 0.002;
/// Header extensions, which few packets carry: loudness twice a second, the moment of capture once.
const EXTENSIONS_BPS: f64 = 200.0;
/// What a kilobit a second costs, in points: nothing to speak of, but more is not sent for nothing.
const PRICE_OF_KBPS: f64 = 0.001;
/// How much of Opus' bits in-band error correction takes, and deep redundancy by its reach.
const FEC_SHARE: f64 = 0.42;
const DRED_BPS_PER_MS: f64 = 40.0;
const DRED_LEAST_BPS: f64 = 1500.0;
/// The receiver waits for so many standard variations of jitter.
const JITTER_FACTOR: f64 = 2.0;
/// Packets that deep redundancy is waited for at the most.
const MAX_DRED_WAIT: i32 = 3;

impl Plan {
    /// The plan of greatest expected quality that the policy, the other side and the path allow.
    pub fn best(policy: &Policy, abilities: &Abilities, path: &Path) -> Plan {
        Plan::candidates(policy, abilities, path)
            .map(|plan| (plan, plan.score(policy, abilities, path)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or_else(|| Plan::least(policy, abilities, path), |best| best.0)
    }

    /// What is sent on the wire, in bits a second.
    pub fn wire_bps(&self, abilities: &Abilities) -> f64 {
        let packets = 48_000.0 / self.frame.samples() as f64;
        let header = self.carried_header_bytes(abilities.red_header);
        self.voices() * spent(abilities) * f64::from(self.bitrate.bps())
            + packets * 8.0 * (f64::from(abilities.overhead_bytes) + header)
            + EXTENSIONS_BPS
    }

    /// How many times the bits of Opus are sent.
    pub(super) fn voices(&self) -> f64 {
        let parity = if self.parity > 0 { PARITY_LENGTH / f64::from(self.parity) } else { 0.0 };
        1.0 + f64::from(self.red_copies) + parity
    }

    /// What stands in front of copies or parity in a packet, in bytes on average.
    pub(super) fn carried_header_bytes(&self, header: RedHeader) -> f64 {
        let parity =
            if self.parity > 0 { header.parity_bytes() as f64 / f64::from(self.parity) } else { 0.0 };
        header.bytes(self.red_copies) as f64 + parity
    }

    /// Every plan that is allowed and fits.
    fn candidates<'a>(
        policy: &'a Policy,
        abilities: &'a Abilities,
        path: &'a Path,
    ) -> impl Iterator<Item = Plan> + 'a {
        let shapes = frames(policy, abilities)
            .flat_map(move |frame| carried(policy, abilities, path, frame).map(move |red| (frame, red)));
        shapes.flat_map(move |(frame, red)| {
            fecs(policy, abilities, path, frame, red).flat_map(move |fec| {
                let has_other = fec || red != Carried::NOTHING;
                dreds(policy, abilities, path, frame, has_other).flat_map(move |dred_ms| {
                    rates(policy, abilities, path, frame, red).map(move |bitrate| Plan {
                        frame,
                        bitrate,
                        fec,
                        red_distance: red.distance,
                        red_copies: red.copies,
                        parity: red.parity,
                        dred_ms,
                        expected_loss_percent: expected_loss(path, fec, dred_ms),
                    })
                })
            })
        })
    }

    /// Where nothing fits: the longest frames of the fewest bits.
    fn least(policy: &Policy, abilities: &Abilities, path: &Path) -> Plan {
        let frame = frames(policy, abilities).last().unwrap_or_default();
        let bitrate = policy.bitrate.unwrap_or(Bitrate::MIN);
        let fec = fecs(policy, abilities, path, frame, Carried::NOTHING).next().unwrap_or(false);
        let dred_ms = dreds(policy, abilities, path, frame, fec).next().unwrap_or(0);
        let red_distance = policy.red_distance.filter(|_| abilities.red).unwrap_or(0).min(MAX_RED_DISTANCE);
        let red_copies = u8::from(red_distance > 0);
        let expected_loss_percent = expected_loss(path, fec, dred_ms);
        Plan { frame, bitrate, fec, red_distance, red_copies, parity: 0, dred_ms, expected_loss_percent }
    }

    /// Its expected score, less what its delay and its bits are worth.
    pub(super) fn score(&self, policy: &Policy, abilities: &Abilities, path: &Path) -> f64 {
        let frame_ms = f64::from(self.frame.ms());
        let (harm, wait) = self.harm(path);
        let jitter_ms = JITTER_FACTOR * path.jitter_ms;
        let repair_ms = (wait * frame_ms - jitter_ms).max(0.0);
        let longest_ms = policy.longest_repair_ms(path.lost).max(frame_ms);
        // What comes after playout repairs nothing.
        let harm = if repair_ms > longest_ms { path.lost } else { harm };
        let look_ahead_ms = if self.frame < FrameLength::Ms10 { 2.5 } else { 6.5 };
        let delay_ms = frame_ms + look_ahead_ms + jitter_ms;
        quality::coded(self.frame, self.core_bps() / demand(abilities))
            - quality::lost(harm)
            - policy.price_of_ms() * delay_ms
            - policy.price_of_repair(repair_ms)
            - PRICE_OF_KBPS * self.wire_bps(abilities) / 1000.0
    }

    /// What is left of Opus' bits for the frame itself.
    fn core_bps(&self) -> f64 {
        let bps = f64::from(self.bitrate.bps());
        let fec = if self.fec && self.expected_loss_percent > 0 { FEC_SHARE * bps } else { 0.0 };
        let dred = match self.dred_ms {
            0 => 0.0,
            ms => DRED_LEAST_BPS + DRED_BPS_PER_MS * f64::from(ms),
        };
        (bps - fec - dred).max(0.0)
    }

    /// Share of frames lost, weighed by what stands for them, and how many frames the receiver waits for repair.
    fn harm(&self, path: &Path) -> (f64, f64) {
        let lost = path.lost.clamp(0.0, 0.95);
        if lost <= 0.0 {
            return (0.0, 0.0);
        }
        let gilbert = Gilbert::new(lost, path.burst);
        // What is not repaired yet, and of it the share that the next means repairs.
        let mut left = lost;
        let (mut harm, mut wait) = (0.0, 0.0f64);
        let mut repair = |share: f64, by: Repair, after: f64| {
            let repaired = left * share;
            harm += repaired * by.harm(self.frame);
            left -= repaired;
            wait = wait.max(after);
        };
        for copy in 1..=self.red_copies {
            // Each copy is as far behind the one before it, and whether it is lost depends on that one alone.
            let distance = i32::from(self.red_distance);
            let share = 1.0 - gilbert.lost_again_after(distance);
            repair(share, Repair::Red, f64::from(distance) * f64::from(copy));
        }
        if self.parity > 0 {
            repair(gilbert.alone_among(i32::from(self.parity)), Repair::Red, f64::from(self.parity));
        }
        if self.fec && self.expected_loss_percent > 0 {
            repair(1.0 - gilbert.lost_again_after(1), Repair::Fec, 1.0);
        }
        if self.dred_ms > 0 {
            let reach = (f64::from(self.dred_ms) / f64::from(self.frame.ms())) as i32;
            let waited = reach.clamp(1, MAX_DRED_WAIT);
            repair(1.0 - gilbert.stay_bad.powi(waited), Repair::Dred, f64::from(waited));
        }
        let concealed =
            Repair::Concealed.harm(self.frame) * if wait > 0.0 { quality::mended(self.frame) } else { 1.0 };
        (harm + left * concealed, wait)
    }
}

/// A Gilbert model of losses.
struct Gilbert {
    lost: f64,
    stay_bad: f64,
    memory: f64,
}

impl Gilbert {
    fn new(lost: f64, burst: f64) -> Gilbert {
        // A burst of one is fewer in a row than chance would make: then what follows a loss is there.
        let leave = 1.0 / burst.max(1.0).max(lost / (1.0 - lost));
        let enter = leave * lost / (1.0 - lost);
        Gilbert { lost, stay_bad: 1.0 - leave, memory: (1.0 - enter - leave).clamp(-1.0, 1.0) }
    }

    /// How probable it is that the packet so many after a lost one is lost too.
    fn lost_again_after(&self, packets: i32) -> f64 {
        self.lost + (1.0 - self.lost) * self.memory.powi(packets)
    }

    /// How probable it is that of so many packets and the one behind them no other is lost, where one of them is.
    fn alone_among(&self, packets: i32) -> f64 {
        let first = 1.0 - self.lost_again_after(1);
        let next = 1.0 - self.lost * (1.0 - self.memory);
        // So many stand behind it, and so many before it: a chain is the same in either direction.
        let run = |others: i32| if others > 0 { first * next.powi(others - 1) } else { 1.0 };
        let places = (1..=packets).map(|behind| run(behind) * run(packets - behind));
        places.sum::<f64>() / f64::from(packets.max(1))
    }
}

/// Frame lengths that are allowed, the shortest first.
fn frames(policy: &Policy, abilities: &Abilities) -> impl Iterator<Item = FrameLength> {
    let longest = abilities.max_ptime_ms.map_or(f32::MAX, f32::from);
    let (low, high) = match (policy.frame, policy.latency) {
        (Some(fixed), _) => (fixed, fixed),
        (None, Latency::Ultra) => (FrameLength::Ms2_5, FrameLength::Ms10),
        (None, _) => (FrameLength::Ms10, FrameLength::Ms60),
    };
    // One that takes no packets as long as the shortest allowed gets the longest that it does take.
    let fits = move |length: &FrameLength| length.ms() <= longest;
    let short = FrameLength::ALL.into_iter().rev().find(move |l| *l <= low && fits(l));
    let low = short.unwrap_or(FrameLength::Ms2_5);
    let high = high.max(low);
    FrameLength::ALL
        .into_iter()
        .filter(move |length| (low..=high).contains(length) && (*length == low || fits(length)))
}

/// What of older frames is allowed, or what is fixed.
fn carried(
    policy: &Policy,
    abilities: &Abilities,
    path: &Path,
    frame: FrameLength,
) -> impl Iterator<Item = Carried> + use<> {
    let copied = |(distance, copies)| Carried { distance, copies, parity: 0 };
    let covered = |parity| Carried { parity, ..Carried::NOTHING };
    let fixed = match (policy.red_distance, policy.parity) {
        (None, None) => None,
        (Some(distance @ 1..), _) if abilities.red => Some(copied((distance.min(MAX_RED_DISTANCE), 1))),
        (_, Some(frames @ 1..)) if abilities.parity() => Some(covered(frames.min(MAX_PARITY_FRAMES))),
        _ => Some(Carried::NOTHING),
    };
    let wanted = fixed.is_none() && path.lost > NO_LOSS;
    // RED has no words for what is older.
    let fits = move |&(distance, count): &(u8, u8)| {
        frame.samples() * usize::from(distance) * usize::from(count) <= MAX_OFFSET.len()
    };
    let (can_copy, can_cover) = (wanted && abilities.red, wanted && abilities.parity());
    let copies = COPIES.into_iter().filter(move |copies| can_copy && fits(copies)).map(copied);
    let parities = PARITIES.into_iter().filter(move |_| can_cover).map(covered);
    [fixed.unwrap_or(Carried::NOTHING)].into_iter().chain(copies).chain(parities)
}

fn fecs(
    policy: &Policy,
    abilities: &Abilities,
    path: &Path,
    frame: FrameLength,
    red: Carried,
) -> impl Iterator<Item = bool> + use<> {
    let can = abilities.fec && frame >= FrameLength::Ms10;
    // Beside copies, which leave each frame half of the bits, it costs more than it repairs: 0.8 of PESQ at 19 kbit/s.
    let on = can && policy.fec.unwrap_or(path.lost > NO_LOSS && red == Carried::NOTHING);
    let off = !can || policy.fec != Some(true);
    [false, true].into_iter().filter(move |&fec| if fec { on } else { off })
}

fn dreds(
    policy: &Policy,
    abilities: &Abilities,
    path: &Path,
    frame: FrameLength,
    has_other: bool,
) -> impl Iterator<Item = u32> + use<> {
    let can = abilities.dred && frame >= FrameLength::Ms10;
    // Beside copies it takes more bits than it repairs: 0.15 of PESQ. Beside in-band error correction it repairs a little
    // more (0.1 to 0.2 where a fifth and more is lost), but less than copies do for the same bits, which the model does not
    // see. In 10 ms frames, of whose bits little is left for it, it repairs nothing.
    let wanted = path.lost > NO_LOSS && !has_other && frame > FrameLength::Ms10;
    let fixed = policy.dred_ms.map(|ms| if can { ms } else { 0 });
    let free = DRED_MS.into_iter().filter(move |&ms| fixed.is_none() && (ms == 0 || (can && wanted)));
    fixed.into_iter().chain(free)
}

/// Rates of Opus that fit beside the headers and what is carried, or the one that is fixed.
fn rates(
    policy: &Policy,
    abilities: &Abilities,
    path: &Path,
    frame: FrameLength,
    red: Carried,
) -> impl Iterator<Item = Bitrate> + use<> {
    let wire = f64::from(policy.max_bitrate_bps()).min(path.limit_bps.unwrap_or(f64::INFINITY));
    let shape = Plan {
        frame,
        bitrate: Bitrate::MIN,
        fec: false,
        red_distance: red.distance,
        red_copies: red.copies,
        parity: red.parity,
        dred_ms: 0,
        expected_loss_percent: 0,
    };
    let room = wire - shape.wire_bps(abilities);
    let free = room / (shape.voices() * spent(abilities)) + f64::from(Bitrate::MIN.bps());
    let cap = abilities.max_bitrate.unwrap_or(Bitrate::MAX).bps();
    let scale = demand(abilities);
    let most = (free as u32).min(cap).min((64_000.0 * scale) as u32);
    let fits = free >= f64::from(Bitrate::MIN.bps());
    let fixed = policy.bitrate.map(|bitrate| bitrate.min(Bitrate::clamped(cap)));
    let chosen = RATES_BPS
        .into_iter()
        .map(move |bps| (f64::from(bps) * scale) as u32)
        .filter(move |&bps| bps < most)
        .chain([most])
        .filter(move |_| fits && fixed.is_none())
        .map(Bitrate::clamped);
    fixed.into_iter().chain(chosen)
}

/// What Opus spends for each bit that it is told to.
fn spent(abilities: &Abilities) -> f64 {
    f64::from(abilities.spent_permille.max(1)) / 1000.0
}

/// How many times the bits of one voice what is coded takes.
fn demand(abilities: &Abilities) -> f64 {
    let stereo = if abilities.channels == Channels::Stereo { 1.6 } else { 1.0 };
    let music = if abilities.mode == Mode::Music { 1.5 } else { 1.0 };
    stereo * music
}

/// What the encoder is told, in percent. In-band redundancy is measured out by it, and below a few percent libopus
/// sends none at all.
fn expected_loss(path: &Path, fec: bool, dred_ms: u32) -> u8 {
    if path.lost <= NO_LOSS || !(fec || dred_ms > 0) {
        return 0;
    }
    (path.lost * 100.0).clamp(8.0, 30.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn able() -> Abilities {
        Abilities { red: true, dred: true, ..Abilities::plain(&SenderConfig::default()) }
    }

    /// What two of us leave out: with short headers and tags.
    fn ours() -> Abilities {
        Abilities { overhead_bytes: 35, red_header: RedHeader::Short, ..able() }
    }

    fn lossy(lost: f64, burst: f64) -> Path {
        Path { lost, burst, ..Path::default() }
    }

    /// Every combination of a coarse grid.
    fn everything(mut check: impl FnMut(&Policy, &Abilities, &Path)) {
        for latency in Latency::ALL {
            for max in [0, 14_000, 24_000, 40_000, 64_000, 200_000, u32::MAX] {
                for fixed in 0..7u32 {
                    let policy = Policy {
                        latency,
                        max_bitrate_bps: Some(max),
                        frame: (fixed == 1).then_some(FrameLength::Ms5),
                        bitrate: (fixed == 2).then_some(Bitrate::MAX),
                        fec: (fixed == 3).then_some(true),
                        red_distance: (fixed == 4).then_some(200),
                        parity: (fixed == 6).then_some(200),
                        dred_ms: (fixed == 5).then_some(5000),
                    };
                    for bits in 0..8u8 {
                        let abilities = Abilities {
                            fec: bits & 1 > 0,
                            red: bits & 2 > 0,
                            dred: bits & 4 > 0,
                            max_ptime_ms: [None, Some(1), Some(20)][usize::from(bits % 3)],
                            ..able()
                        };
                        for lost in [0.0, 0.03, 0.3, 1.0, f64::NAN] {
                            let limit_bps = [None, Some(0.0), Some(40_000.0)][usize::from(bits % 3)];
                            let path = Path { lost, burst: lost * 9.0, jitter_ms: 20.0, limit_bps };
                            check(&policy, &abilities, &path);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn no_plan_leaves_its_limits_whatever_the_path_is_said_to_be() {
        everything(|policy, abilities, path| {
            let plan = Plan::best(policy, abilities, path);
            let shown = || format!("{policy:?} {abilities:?} {path:?} {plan:?}");
            assert!(plan.red_distance <= MAX_RED_DISTANCE, "{}", shown());
            assert!(abilities.red || plan.red_distance == 0, "{}", shown());
            assert!(abilities.dred || plan.dred_ms == 0, "{}", shown());
            assert!(abilities.fec || !plan.fec, "{}", shown());
            assert!(plan.expected_loss_percent <= 30, "{}", shown());
            let longest = abilities.max_ptime_ms.map_or(60.0, f32::from).max(2.5);
            assert!(plan.frame.ms() <= longest, "{}", shown());
            let free = policy.frame.is_none() && policy.bitrate.is_none() && policy.red_distance.is_none();
            if free && policy.latency != Latency::Ultra && abilities.max_ptime_ms.is_none() {
                let wire = f64::from(policy.max_bitrate_bps()).min(path.limit_bps.unwrap_or(f64::INFINITY));
                assert!(plan.wire_bps(abilities) <= wire.max(14_000.0) + 1.0, "{}", shown());
            }
        });
    }

    #[test]
    fn what_is_fixed_by_hand_stays() {
        let policy = Policy {
            frame: Some(FrameLength::Ms20),
            bitrate: Bitrate::new(24_000),
            fec: Some(false),
            red_distance: Some(5),
            dred_ms: Some(100),
            ..Policy::default()
        };
        let plan = Plan::best(&policy, &able(), &lossy(0.1, 2.0));
        assert_eq!((plan.frame, plan.bitrate.bps()), (FrameLength::Ms20, 24_000));
        assert_eq!((plan.fec, plan.red_distance, plan.dred_ms), (false, 5, 100));
    }

    #[test]
    fn nothing_is_sent_against_losses_that_there_are_not() {
        for latency in Latency::ALL {
            let plan = Plan::best(&Policy { latency, ..Policy::default() }, &able(), &Path::default());
            assert_eq!((plan.fec, plan.red_distance, plan.dred_ms), (false, 0, 0), "{latency}");
        }
    }

    #[test]
    fn losses_are_answered_with_redundancy() {
        for latency in [Latency::Low, Latency::Balanced, Latency::Robust] {
            let plan = Plan::best(&Policy { latency, ..Policy::default() }, &able(), &lossy(0.1, 1.3));
            assert!(plan.fec || plan.red_distance > 0 || plan.dred_ms > 0, "{latency}: {plan:?}");
        }
    }

    #[test]
    fn a_narrow_path_gets_longer_frames() {
        let path = Path { limit_bps: Some(34_000.0), ..Path::default() };
        let plan = Plan::best(&Policy::default(), &able(), &path);
        assert!(plan.frame >= FrameLength::Ms20, "{plan:?}");
        assert!(plan.wire_bps(&able()) <= 34_000.0);
    }

    #[test]
    fn short_frames_are_sent_where_their_headers_leave_enough_for_the_voice() {
        let frame = |overhead_bytes| {
            let abilities = Abilities { overhead_bytes, ..able() };
            Plan::best(&Policy::default(), &abilities, &Path::default()).frame
        };
        // Two of us leave out what a browser's packets have.
        assert_eq!((frame(50), frame(56)), (FrameLength::Ms10, FrameLength::Ms20));
    }

    #[test]
    fn losses_of_short_frames_are_answered_with_copies_where_there_are_bits_for_them() {
        let policy = Policy { frame: Some(FrameLength::Ms10), ..Policy::default() };
        let answer = |abilities| {
            let abilities = Abilities { spent_permille: 930, ..abilities };
            let plan = Plan::best(&policy, &abilities, &lossy(0.1, 1.1));
            (plan.red_distance, plan.fec)
        };
        // With short headers and tags, with tags alone.
        assert_eq!(answer(ours()), (1, false));
        assert_eq!(answer(Abilities { overhead_bytes: 44, ..able() }), (0, true));
    }

    #[test]
    fn bursts_of_losses_in_short_frames_are_answered_with_what_is_in_the_next_packet() {
        // By PESQ that is worth 0.1 to 0.5, and R 2 to 10; copies take too many of the bits.
        let abilities = Abilities { spent_permille: 930, ..ours() };
        for (lost, burst) in [(0.03, 2.0), (0.05, 2.0), (0.05, 4.0), (0.05, 5.0), (0.1, 4.0)] {
            let path = Path { jitter_ms: 0.2, ..lossy(lost, burst) };
            let plan = Plan::best(&Policy::default(), &abilities, &path);
            assert_eq!((plan.frame, plan.fec), (FrameLength::Ms10, true), "{lost} {burst}: {plan:?}");
        }
    }

    #[test]
    fn few_losses_where_jitter_is_waited_for_anyway_are_answered_with_parity() {
        // It takes a third of the bits at the most, and leaves the frame whole: by PESQ 0.2 more than in-band error correction.
        let abilities = Abilities { spent_permille: 950, ..ours() };
        let plan = |jitter_ms, burst| {
            let path = Path { jitter_ms, ..lossy(0.02, burst) };
            Plan::best(&Policy::default(), &abilities, &path)
        };
        assert!(plan(10.0, 1.1).parity >= 2, "{:?}", plan(10.0, 1.1));
        assert!(plan(20.0, 1.1).parity >= 3, "{:?}", plan(20.0, 1.1));
        assert_eq!(plan(0.5, 1.1).parity, 0, "it would have to be waited for");
        assert_eq!(plan(20.0, 4.0).parity, 0, "of bursts it restores nothing");
        let browser = Abilities { overhead_bytes: 50, ..able() };
        let path = Path { jitter_ms: 20.0, ..lossy(0.02, 1.1) };
        assert_eq!(Plan::best(&Policy::default(), &browser, &path).parity, 0, "it would not know it");
    }

    #[test]
    fn parity_that_is_fixed_by_hand_stays() {
        let policy = Policy { parity: Some(5), ..Policy::default() };
        let path = lossy(0.3, 3.0);
        assert_eq!(Plan::best(&policy, &ours(), &path).parity, 5);
        assert_eq!(Plan::best(&policy, &able(), &path).parity, 0, "the other side would not know it");
        let plan = Plan::best(&Policy { red_distance: Some(2), ..policy }, &ours(), &path);
        assert_eq!((plan.parity, plan.red_distance), (0, 2), "copies come first");
    }

    #[test]
    fn bursts_of_losses_do_not_make_low_delay_wait_for_copies_far_behind() {
        let abilities = Abilities { spent_permille: 930, ..ours() };
        for (lost, burst) in [(0.05, 2.3), (0.08, 2.5), (0.1, 2.6)] {
            let plan = Plan::best(&Policy::default(), &abilities, &lossy(lost, burst));
            let wait_ms = plan.frame.ms() * f32::from(plan.red_distance * plan.red_copies);
            assert!(wait_ms <= 10.0, "{lost} {burst}: {plan:?}");
        }
    }

    #[test]
    fn who_minds_no_delay_sends_copies_from_beyond_the_bursts() {
        let frame = Some(FrameLength::Ms20);
        let copies = |latency, lost, burst| {
            let policy = Policy { latency, frame, ..Policy::default() };
            let plan = Plan::best(&policy, &ours(), &lossy(lost, burst));
            (plan.red_distance, plan.red_copies)
        };
        // By PESQ, which hears no delay, 4 is better than 3 and 6 better than 4 here.
        assert_eq!(copies(Latency::Robust, 0.1, 1.5), (4, 1));
        assert_eq!(copies(Latency::Robust, 0.1, 2.0), (6, 1));
        assert_eq!(copies(Latency::Robust, 0.1, 3.0), (8, 1));
        assert_eq!(copies(Latency::Robust, 0.05, 3.0), (6, 1), "so few are not waited for longer");
        let (distance, copies) = copies(Latency::Balanced, 0.1, 2.0);
        assert!(distance * copies < 6, "it minds some");
    }

    #[test]
    fn where_much_is_lost_each_frame_is_sent_three_times() {
        let policy = Policy { latency: Latency::Robust, frame: Some(FrameLength::Ms20), ..Policy::default() };
        for abilities in [ours(), Abilities { overhead_bytes: 50, ..able() }] {
            let copies = |lost, burst| Plan::best(&policy, &abilities, &lossy(lost, burst)).red_copies;
            // By PESQ that is worth up to 0.9 here; of a tenth one copy leaves too little for it to pay.
            for lost in [0.2, 0.3] {
                assert!([1.5, 2.0, 3.0].into_iter().all(|burst| copies(lost, burst) == 2), "{lost}");
            }
            assert!([1.5, 2.0, 3.0].into_iter().all(|burst| copies(0.1, burst) == 1));
            assert_eq!(copies(0.3, 1.0), 1, "behind each loss comes what was not lost");
        }
    }

    #[test]
    fn no_copy_is_planned_that_is_older_than_red_can_say() {
        for frame in FrameLength::ALL {
            let policy = Policy { latency: Latency::Robust, frame: Some(frame), ..Policy::default() };
            for lost in [0.05, 0.1, 0.2, 0.3, 0.5] {
                let plan = Plan::best(&policy, &able(), &lossy(lost, 4.0));
                let reach = usize::from(plan.red_distance * plan.red_copies) * frame.samples();
                assert!(reach <= MAX_OFFSET.len(), "{plan:?}");
            }
        }
    }

    #[test]
    fn ultra_sends_short_frames() {
        let policy = Policy { latency: Latency::Ultra, ..Policy::default() };
        let plan = Plan::best(&policy, &able(), &Path::default());
        assert!(plan.frame <= FrameLength::Ms5, "{plan:?}");
        assert!(plan.bitrate.bps() >= 40_000, "{plan:?}");
    }
}
