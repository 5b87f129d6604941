//! The rules that apply to a client's frame before the frame is decoded. The
//! rules limit the size and the rate of frames. While a token is being
//! verified, later frames are queued. The result of the verification is called
//! the verdict.
//!
//! Every client socket has one [`FrameGuard`], whether it is a socket of one
//! room, a connection for many rooms, or a socket without a token. A frame is
//! counted before it is decoded. If a frame exceeds the rate, it is refused
//! with an error that repeats the frame's `ref`. A socket that continues to
//! exceed the rate is closed, since refusing frames has a cost, too.

use std::collections::VecDeque;

use crate::code::{Code, Refusal};
use crate::limits;
use crate::rate::{Bucket, Rate};
use crate::time::Millis;

/// The rates of frames and of bytes that a socket may send.
#[derive(Clone, Copy, Debug)]
pub struct FrameRates {
    pub frames: Rate,
    pub bytes: Rate,
}

impl FrameRates {
    /// Combines a rate of frames with the rate of bytes. The rate of bytes is
    /// the same for every socket.
    pub const fn of(frames: Rate) -> Self {
        let bytes =
            Rate { per_second: limits::FRAME_BYTES_PER_SECOND, burst: limits::FRAME_BYTES_BURST };
        Self { frames, bytes }
    }

    /// Returns the limits for refused frames. A socket that exceeds these
    /// limits is closed. The limits are the allowed rates with a larger burst.
    fn refused(self) -> Self {
        let larger = |Rate { per_second, burst }| Rate {
            per_second,
            burst: u64::saturating_mul(burst, limits::REFUSED_BURST_FACTOR),
        };
        Self { frames: larger(self.frames), bytes: larger(self.bytes) }
    }
}

/// The guard's decision about a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    Admitted,
    /// The frame exceeds the rate. The client receives an error, and the socket
    /// stays open.
    OverRate(Refusal),
    /// The socket must be closed.
    Close(Refusal),
}

#[derive(Debug, Default)]
pub struct FrameGuard {
    /// The counters, allocated when the first frame arrives. A session that
    /// sends no frame uses no memory for counters.
    counts: Option<Box<Counts>>,
    /// Frames that arrived after an `auth` frame; `None` if no token is being
    /// verified.
    queued: Option<QueuedFrames>,
    /// Number of consecutive frames that were refused with `bad_request`.
    bad_requests: u32,
}

#[derive(Debug)]
struct Counts {
    allowed: Meter,
    refused: Meter,
    tokens: Bucket,
}

const TOKENS: Rate = Rate { per_second: limits::TOKENS_PER_SECOND, burst: limits::TOKENS_BURST };

impl FrameGuard {
    /// Restores a guard after hibernation. `bad_requests` is the number of
    /// consecutive bad requests before the hibernation.
    pub fn restore(bad_requests: u32) -> Self {
        Self { bad_requests, ..Self::default() }
    }

    pub fn bad_requests(&self) -> u32 {
        self.bad_requests
    }

    /// Counts a frame of this many bytes, and decides whether the frame is
    /// decoded.
    pub fn admit(&mut self, bytes: usize, rates: FrameRates, now: Millis) -> Admission {
        if bytes > limits::BODY_BYTES {
            return Admission::Close(frame_too_large());
        }
        let counts = self.counts(rates, now);
        let Err(retry_after_ms) = counts.allowed.try_acquire(bytes, rates, now) else {
            return Admission::Admitted;
        };
        let Rate { per_second, .. } = rates.frames;
        let message = format!(
            "a socket may send at most {per_second} frames and {} bytes a second",
            rates.bytes.per_second
        );
        match counts.refused.try_acquire(bytes, rates.refused(), now) {
            Ok(()) => Admission::OverRate(Refusal::rate_limited(message, retry_after_ms)),
            Err(_) => Admission::Close(Refusal::new(
                Code::RateLimited,
                format!(
                    "{message}; this socket stayed beyond the limit: send less, and connect again"
                ),
            )),
        }
    }

    /// Refunds the unit that was charged for a `seen` frame, because a `seen`
    /// reduces the room's work.
    pub fn refund(&mut self, rates: FrameRates) {
        if let Some(counts) = &mut self.counts {
            counts.allowed.frames.refund(rates.frames);
        }
    }

    /// Queues a frame if a token is being verified. Otherwise queues nothing
    /// and returns `None`. Fails with `rate_limited` if the queue is full.
    pub fn queue_if_verifying(&mut self, text: &str) -> Option<Result<(), Refusal>> {
        let queued = self.queued.as_mut()?;
        let too_many =
            || Refusal::rate_limited("too many frames wait for the verdict on a token", 1_000);
        Some(queued.push(text).then_some(()).ok_or_else(too_many))
    }

    /// Starts to queue frames, which then wait for the verdict on a token.
    /// Verifying a token can take milliseconds of CPU time, so tokens have
    /// their own rate limit. Fails with `rate_limited` if the token exceeds
    /// this limit.
    pub fn await_verdict(&mut self, rates: FrameRates, now: Millis) -> Result<(), Refusal> {
        self.counts(rates, now).tokens.try_acquire(TOKENS, now).map_err(|retry_after_ms| {
            let message =
                format!("a socket may send at most {} tokens a second", TOKENS.per_second);
            Refusal::rate_limited(message, retry_after_ms)
        })?;
        self.queued = Some(QueuedFrames::default());
        Ok(())
    }

    /// Stops queueing, and returns the queued frames in their order.
    pub fn release(&mut self) -> VecDeque<String> {
        self.queued.take().unwrap_or_default().frames
    }

    /// Records an accepted frame. The number of consecutive bad requests is
    /// then 0.
    pub fn accept(&mut self) {
        self.bad_requests = 0;
    }

    /// Records a refused frame. Fails with `bad_request` if
    /// [`limits::BAD_REQUESTS_IN_A_ROW`] consecutive frames were bad requests.
    /// In this case, the socket must be closed.
    pub fn refuse(&mut self, code: Code) -> Result<(), Refusal> {
        self.bad_requests = match code {
            Code::BadRequest => self.bad_requests.saturating_add(1),
            _ => 0,
        };
        if self.bad_requests < limits::BAD_REQUESTS_IN_A_ROW {
            return Ok(());
        }
        Err(Refusal::bad_request(format!("{} frames in a row were refused", self.bad_requests)))
    }

    fn counts(&mut self, rates: FrameRates, now: Millis) -> &mut Counts {
        self.counts.get_or_insert_with(|| {
            Box::new(Counts {
                allowed: Meter::full(rates, now),
                refused: Meter::full(rates.refused(), now),
                tokens: Bucket::full(TOKENS, now),
            })
        })
    }
}

/// Refusal that closes a socket after a frame that exceeds the size limit.
pub fn frame_too_large() -> Refusal {
    Refusal::too_large(format!("a frame may be at most {} bytes", limits::BODY_BYTES))
}

/// Refusal that closes a socket whose first frame has no token.
pub fn no_token_yet() -> Refusal {
    Refusal::new(Code::Unauthorized, "the first frame must be an `auth` with a token")
}

/// Refusal that closes a socket whose first frame did not arrive in time.
pub fn no_token_in_time() -> Refusal {
    Refusal::new(
        Code::Unauthorized,
        "the first frame, an `auth` with a token, did not arrive in time",
    )
}

/// Refusal that closes an anonymous connection that has no subscription.
pub fn no_subscription_in_time() -> Refusal {
    let message = "no token and no subscription to a public room arrived in time";
    Refusal::new(Code::Unauthorized, message)
}

/// Refusal that closes a socket without a token when too many newer sockets
/// wait.
pub fn too_many_wait() -> Refusal {
    let message = "too many sockets wait for their token; send it with the upgrade, or immediately";
    Refusal::new(Code::RoomFull, message)
}

/// Refusal that closes a socket whose token has expired.
pub fn token_expired() -> Refusal {
    Refusal::new(Code::TokenExpired, "the token has expired; connect with a new one")
}

/// Refusal that closes a socket whose new token belongs to another user.
pub fn another_user() -> Refusal {
    Refusal::new(
        Code::Unauthorized,
        "the new token has another `sub`; open a new socket for another user",
    )
}

/// Refusal of a binary frame.
pub fn not_text() -> Refusal {
    Refusal::bad_request("a frame must be one JSON object, sent as text")
}

/// Refusal that closes a socket after two ping periods without a frame or a
/// ping.
pub fn ping_timeout() -> Refusal {
    Refusal::new(Code::PingTimeout, "no frame and no ping arrived for two ping periods")
}

/// Returns the reason for closing a client that has too much unread.
pub fn does_not_read() -> Refusal {
    Refusal::new(Code::Restarting, "the client does not read what it is sent; connect again")
}

/// A bucket for frames and a bucket for bytes.
#[derive(Debug)]
struct Meter {
    frames: Bucket,
    bytes: Bucket,
}

impl Meter {
    fn full(rates: FrameRates, now: Millis) -> Self {
        Self { frames: Bucket::full(rates.frames, now), bytes: Bucket::full(rates.bytes, now) }
    }

    /// Charges one frame and its bytes to the buckets. If a bucket is empty,
    /// fails with the number of milliseconds until a frame may be sent. A frame
    /// may have more bytes than the bucket for bytes has left. In this case,
    /// the next frame must wait longer.
    fn try_acquire(&mut self, bytes: usize, rates: FrameRates, now: Millis) -> Result<(), u64> {
        self.bytes.check(rates.bytes, now)?;
        self.frames.try_acquire(rates.frames, now)?;
        self.bytes.charge(bytes as u64);
        Ok(())
    }
}

/// Frames that wait for a verdict, in the order of their arrival. The number of
/// frames and their total bytes are limited.
#[derive(Debug, Default)]
struct QueuedFrames {
    frames: VecDeque<String>,
    bytes: usize,
}

impl QueuedFrames {
    /// Adds a frame. If the frame would exceed a limit, adds nothing and
    /// returns `false`.
    fn push(&mut self, frame: &str) -> bool {
        let bytes = self.bytes.saturating_add(frame.len());
        let fits = self.frames.len() < limits::QUEUED_FRAMES && bytes <= limits::QUEUED_BYTES;
        if fits {
            self.bytes = bytes;
            self.frames.push_back(frame.to_owned());
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: FrameRates = FrameRates::of(Rate { per_second: 50, burst: 100 });
    const START: Millis = Millis::new(1_000_000);

    fn over_rate(admission: Admission) -> u64 {
        match admission {
            Admission::OverRate(refusal) => refusal.retry_after_ms.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Limits: REFUSED_BURST_FACTOR.
    #[test]
    fn socket_that_stays_beyond_the_rate_is_closed() {
        let mut guard = FrameGuard::default();
        for _ in 0..100 {
            assert_eq!(guard.admit(40, RATES, START), Admission::Admitted);
        }
        for _ in 0..100 * limits::REFUSED_BURST_FACTOR {
            assert_eq!(over_rate(guard.admit(40, RATES, START)), 20);
        }
        let Admission::Close(refusal) = guard.admit(40, RATES, START) else { panic!() };
        assert_eq!(refusal.code.close_code(), Some(4429));
    }

    #[test]
    fn socket_at_twice_the_rate_stays_open_and_has_half_its_frames_refused() {
        let mut guard = FrameGuard::default();
        let mut admitted = 0;
        for frame in 0..10_000 {
            match guard.admit(40, RATES, START.plus(frame * 10)) {
                Admission::Admitted => admitted += 1,
                Admission::OverRate(_) => {}
                Admission::Close(refusal) => panic!("{refusal:?} at {frame}"),
            }
        }
        assert!((5_000..5_200).contains(&admitted), "{admitted}");
    }

    /// Limits: FRAME_BYTES_PER_SECOND, FRAME_BYTES_BURST.
    #[test]
    fn frame_beyond_the_byte_rate_is_refused() {
        let mut guard = FrameGuard::default();
        let at_once = limits::FRAME_BYTES_BURST / limits::BODY_BYTES as u64;
        for _ in 0..at_once {
            assert_eq!(guard.admit(limits::BODY_BYTES, RATES, START), Admission::Admitted);
        }
        assert_eq!(over_rate(guard.admit(limits::BODY_BYTES, RATES, START)), 1);
        let later = START.plus(1);
        assert_eq!(guard.admit(limits::BODY_BYTES, RATES, later), Admission::Admitted);
        let wait = over_rate(guard.admit(1, RATES, later));
        assert_eq!(wait, limits::BODY_BYTES as u64 * 1_000 / limits::FRAME_BYTES_PER_SECOND);
        let closed = (0..1_000)
            .any(|_| matches!(guard.admit(limits::BODY_BYTES, RATES, later), Admission::Close(_)));
        assert!(closed, "it is closed for bytes alone");
    }

    /// Limits: BODY_BYTES.
    #[test]
    fn frame_over_the_size_limit_closes_the_socket_and_is_not_counted() {
        let mut guard = FrameGuard::default();
        let Admission::Close(refusal) = guard.admit(limits::BODY_BYTES + 1, RATES, START) else {
            panic!()
        };
        assert_eq!(refusal.code, Code::TooLarge);
        assert!(guard.counts.is_none());
    }

    /// Limits: TOKENS_PER_SECOND, TOKENS_BURST.
    #[test]
    fn token_beyond_the_token_rate_is_refused() {
        let mut guard = FrameGuard::default();
        for _ in 0..limits::TOKENS_BURST {
            assert_eq!(guard.await_verdict(RATES, START), Ok(()));
            guard.release();
        }
        let refusal = guard.await_verdict(RATES, START).unwrap_err();
        assert_eq!(refusal.retry_after_ms, Some(1_000 / limits::TOKENS_PER_SECOND));
        assert!(guard.queue_if_verifying("{}").is_none(), "no verdict is awaited");
    }
}
