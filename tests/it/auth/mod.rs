//! Tokens: what is let in, what is not, and what it may do then.

mod accepted;
mod attacks;
mod forge;
mod keys;
mod places;
mod properties;
mod refetch;
mod rooms;
