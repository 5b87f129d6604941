//! The nodes of the index of ids, and their encoding in a row.
//!
//! A reference to an older append is stored as a distance, counted from the
//! append that contains the reference. So the reference stays valid when a
//! change of the ring's size renumbers the appends. For example, append 12
//! refers to append 10 with the distance 2. If the 5 oldest appends are
//! dropped, the numbers become 7 and 5, and the distance stays 2.

use sha2::{Digest, Sha256};

use crate::protocol::{Epoch, EventId, Seq, User};
use crate::store::StoreError;

/// The hash of an id of one user in one epoch: 12 bytes of SHA-256. Two ids
/// with the same hash are treated as the same id. In a room of 10 million ids,
/// the probability that two of them have the same hash by chance is 10^-15.
/// Finding an id that has the same hash as a given id takes 2^96 attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash([u8; 12]);

/// The location of the event that has an id: the number of the append, and the
/// event's index in the append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventLocation {
    pub append: u64,
    pub index: u16,
}

/// The location of a node: the append whose index contains the node, and a byte
/// offset in this index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pointer {
    pub append: u64,
    pub offset: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Child {
    #[default]
    None,
    Node(Pointer),
    Leaf(Hash, EventLocation),
}

/// A node of the trie. The node has one child for each value of the next four
/// bits of a hash.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Node(pub [Child; 16]);

/// The header: the first bytes in the index of each append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The first seq of the append that the index belongs to. An index with
    /// another seq is stale: an earlier version of this software overwrote the
    /// row but left the old index in it.
    pub first: Seq,
    /// The number of the oldest append whose ids are in the index.
    pub complete_from: u64,
    pub root: Option<Pointer>,
}

impl Hash {
    /// The number of levels of the trie: a hash has 24 groups of four bits.
    pub const DIGITS: usize = 24;

    pub fn new(epoch: Epoch, from: &User, id: &EventId) -> Self {
        Self::of(epoch, from.as_str(), id.as_str())
    }

    pub fn of(epoch: Epoch, from: &str, id: &str) -> Self {
        let mut sha = Sha256::new();
        sha.update(epoch.to_string());
        // The length of `from` is hashed first. So the user "ab" with the id
        // "c" has another hash than the user "a" with the id "bc".
        sha.update((from.len() as u64).to_le_bytes());
        sha.update(from);
        sha.update(id);
        Self(sha.finalize().first_chunk().copied().unwrap_or_default())
    }

    /// Returns which child of a node at this depth leads to this hash.
    pub fn digit(self, depth: usize) -> usize {
        let byte = self.0.get(depth / 2).copied().unwrap_or_default();
        usize::from(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
    }
}

impl Node {
    /// The maximum size in bytes of an encoded node: four bytes for the kinds
    /// of the children, and 17 bytes per child.
    pub const MOST_BYTES: usize = 4 + 16 * 17;

    pub fn child(&self, digit: usize) -> Child {
        self.0.get(digit).copied().unwrap_or_default()
    }

    /// Removes the children that belong to appends before `lowest`.
    pub fn prune(&mut self, lowest: u64) {
        for child in &mut self.0 {
            if let Child::Node(Pointer { append, .. })
            | Child::Leaf(_, EventLocation { append, .. }) = child
                && *append < lowest
            {
                *child = Child::None;
            }
        }
    }

    /// Encodes the node for the index in the append `at`.
    pub fn encode(&self, at: u64) -> Vec<u8> {
        let (mut kinds, mut bytes) = (0_u32, vec![0; 4]);
        for child in self.0.iter().rev() {
            kinds <<= 2;
            match child {
                Child::None => {}
                Child::Node(_) => kinds |= 1,
                Child::Leaf(..) => kinds |= 2,
            }
        }
        for child in self.0 {
            match child {
                Child::None => {}
                Child::Node(pointer) => bytes.extend(pointer.encode(at)),
                Child::Leaf(Hash(hash), EventLocation { append, index }) => {
                    bytes.extend(hash);
                    bytes.extend(three(at.saturating_sub(append)));
                    bytes.extend(index.to_le_bytes());
                }
            }
        }
        bytes.splice(..4, kinds.to_le_bytes());
        bytes
    }

    /// Decodes the node at the beginning of these bytes.
    pub fn decode(mut bytes: &[u8], at: u64) -> Result<Self, StoreError> {
        Self::read(&mut bytes, at).ok_or_else(|| StoreError::damaged(at))
    }

    fn read(bytes: &mut &[u8], at: u64) -> Option<Self> {
        let mut kinds = u32::from_le_bytes(read_array(bytes)?);
        let mut node = Self::default();
        for child in &mut node.0 {
            match kinds & 3 {
                0 => {}
                1 => *child = Pointer::read(bytes, at)?.map_or(Child::None, Child::Node),
                2 => {
                    let (hash, back) = (Hash(read_array(bytes)?), number(read_array(bytes)?));
                    let index = u16::from_le_bytes(read_array(bytes)?);
                    if let Some(append) = at.checked_sub(back) {
                        *child = Child::Leaf(hash, EventLocation { append, index });
                    }
                }
                _ => return None,
            }
            kinds >>= 2;
        }
        Some(node)
    }
}

impl Pointer {
    /// Returns the append and the offset as one number that sorts like the
    /// pair. The number is unique in a ring: an offset is below 2^24, and the
    /// numbers of two appends differ by less than 2^40.
    pub fn key(self) -> u64 {
        self.append.wrapping_mul(1 << 24).wrapping_add(self.offset)
    }

    fn encode(self, at: u64) -> [u8; 6] {
        let [a, b, c] = three(at.saturating_sub(self.append));
        let [d, e, f] = three(self.offset);
        [a, b, c, d, e, f]
    }

    /// Decodes a pointer. Returns `Some(None)` if the pointer refers to an
    /// append that was dropped when the ring was made smaller.
    fn read(bytes: &mut &[u8], at: u64) -> Option<Option<Self>> {
        let (back, offset) = (number(read_array(bytes)?), number(read_array(bytes)?));
        Some(at.checked_sub(back).map(|append| Self { append, offset }))
    }
}

impl Header {
    pub const BYTES: usize = 8 + 3 + 6;

    pub fn encode(&self, at: u64) -> Vec<u8> {
        let mut bytes = self.first.get().to_le_bytes().to_vec();
        bytes.extend(three(at.saturating_sub(self.complete_from)));
        // Offset 0 means that there is no root. No node has this offset, since
        // the header is stored at offset 0.
        bytes.extend(self.root.unwrap_or(Pointer { append: at, offset: 0 }).encode(at));
        bytes
    }

    /// Decodes the header of the append `at`; `None` if there is no header.
    pub fn decode(mut bytes: &[u8], at: u64) -> Option<Self> {
        let first = Seq::new(u64::from_le_bytes(read_array(&mut bytes)?))?;
        let complete_from = at.saturating_sub(number(read_array(&mut bytes)?));
        let root = Pointer::read(&mut bytes, at)?.filter(|root| root.offset > 0);
        Some(Self { first, complete_from, root })
    }
}

/// Encodes a distance within a ring, or an offset within a row, in three bytes.
/// Distances and offsets are far below 2^24.
fn three(number: u64) -> [u8; 3] {
    let [a, b, c, ..] = number.min((1 << 24) - 1).to_le_bytes();
    [a, b, c]
}

fn number([a, b, c]: [u8; 3]) -> u64 {
    u64::from(u32::from_le_bytes([a, b, c, 0]))
}

fn read_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(append: u64) -> EventLocation {
        EventLocation { append, index: 999 }
    }

    #[test]
    fn decoded_node_equals_the_encoded_node() {
        let hash = Hash::of(Epoch::from_random(1), "ann", "i");
        let mut node = Node::default();
        node.0[0] = Child::Leaf(hash, place(7));
        node.0[3] = Child::Node(Pointer { append: 6, offset: 1_900_000 });
        node.0[15] = Child::Leaf(hash, place(0));
        let bytes = node.encode(1_000_000);
        assert_eq!(Node::decode(&bytes, 1_000_000), Ok(node));
        for end in 0..bytes.len() {
            assert!(Node::decode(&bytes[..end], 1_000_000).is_err(), "{end} bytes");
        }
        let full = Node([Child::Leaf(hash, place(1)); 16]);
        assert_eq!(full.encode(1).len(), Node::MOST_BYTES);
    }

    #[test]
    fn reference_to_a_dropped_append_is_none_after_renumbering() {
        let hash = Hash::of(Epoch::from_random(1), "ann", "i");
        let mut node = Node::default();
        node.0[1] = Child::Leaf(hash, place(10));
        node.0[2] = Child::Leaf(hash, place(4));
        node.0[3] = Child::Node(Pointer { append: 4, offset: 17 });
        let mut kept = Node::default();
        kept.0[1] = Child::Leaf(hash, place(5));
        assert_eq!(Node::decode(&node.encode(12), 7), Ok(kept));

        let root = Some(Pointer { append: 10, offset: 17 });
        let header = Header { first: Seq::new(3).unwrap(), complete_from: 4, root };
        let bytes = header.encode(12);
        assert_eq!(bytes.len(), Header::BYTES);
        assert_eq!(Header::decode(&bytes, 12), Some(header));
        let root = Some(Pointer { append: 5, offset: 17 });
        assert_eq!(Header::decode(&bytes, 7), Some(Header { complete_from: 0, root, ..header }));
        assert_eq!(Header::decode(&bytes[1..], 12), None);
    }

    #[test]
    fn hash_differs_for_another_user_id_or_epoch() {
        let epoch = Epoch::from_random(1);
        let hash = Hash::of(epoch, "ann", "id");
        assert_eq!(hash, Hash::of(epoch, "ann", "id"));
        assert_ne!(hash, Hash::of(epoch, "anni", "d"));
        assert_ne!(hash, Hash::of(epoch, "ben", "id"));
        assert_ne!(hash, Hash::of(Epoch::from_random(2), "ann", "id"));
    }
}
