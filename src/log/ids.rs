//! The index of the ids of retained events. With this index, the log finds a
//! repeated id and does not append the event again.
//!
//! The index is a trie of hashes with 16 children per node. The index has no
//! table and no rows of its own: its nodes are stored in the rows of the
//! appends. A stored node never changes. An append with ids copies the nodes on
//! the path from the root to these ids, and writes the copies into its own row.
//! The copies refer to the unchanged nodes, which stay in older rows. An append
//! without ids stores only a reference to the root.
//!
//! A lookup reads one small piece of a row for each level of the trie. A node
//! is never removed from a retained row. The append that contains a node is at
//! least as new as the appends of all nodes and ids below this node. So if this
//! append is no longer retained, no id below the node is retained either. A
//! reference to an append that is no longer retained is ignored.

mod node;
mod unindexed;

use litemap::LiteMap;

use crate::limits;
use crate::protocol::Seq;
use crate::store::{Append, StoreError};
use node::Child;
pub use node::{EventLocation, Hash, Pointer};
use node::{Header, Node};
pub use unindexed::{Unindexed, stored_hashes};

/// A function that reads pieces of the index. Each piece has the given number
/// of bytes, or fewer if its row ends earlier.
pub type Read<'a> = &'a dyn Fn(&[Pointer], usize) -> Result<Vec<Vec<u8>>, StoreError>;

#[derive(Default)]
pub struct Ids {
    root: Option<Pointer>,
    /// Number of the oldest append whose ids are in the index. The ids of all
    /// newer appends are in the index, too. Older appends were written without
    /// an index.
    complete_from: u64,
    /// The ids of the appends without an index. `None` if these ids have not
    /// been read from the events yet, or if the index already contains them.
    pub unindexed: Option<Unindexed>,
    /// A cache that maps each [`Pointer::key`] to the encoded node. The oldest
    /// nodes are evicted first: newer nodes are nearer to the root, so more
    /// lookups need them.
    cache: LiteMap<u64, Box<Encoded>>,
    cached_bytes: usize,
}

const CACHED_BYTES_AFTER_EVICTION: usize = limits::IDS_CACHED_BYTES / 8 * 7;

/// A node in its stored form. The cache stores each node in a `Box`, as other
/// maps do with their values. So all of these maps share the same compiled
/// code.
struct Encoded(Vec<u8>);

/// The index of an append, which is stored with the append.
pub struct Written {
    pub bytes: Vec<u8>,
    header: Header,
    nodes: Vec<(Pointer, Vec<u8>)>,
}

impl Ids {
    /// Opens the index of a log, using the header in the log's newest append.
    pub fn open(head: Option<Append>, read: Read) -> Result<Self, StoreError> {
        let Some(Append { number, first, .. }) = head else { return Ok(Self::default()) };
        let begin = Pointer { append: number, offset: 0 };
        let stored = read(&[begin], Header::BYTES)?.pop();
        let header = stored.and_then(|bytes| Header::decode(&bytes, number));
        Ok(match header.filter(|header| header.first == first) {
            Some(Header { root, complete_from, .. }) => {
                Self { root, complete_from, ..Self::default() }
            }
            None => Self { complete_from: number.saturating_add(1), ..Self::default() },
        })
    }

    /// Returns the number of the oldest append whose ids are in the index.
    pub fn complete_from(&self) -> u64 {
        self.complete_from
    }

    /// Finds the newest event of each id. Only the append `lowest` and newer
    /// appends are searched. The search processes all ids together, level by
    /// level, so that one read fetches all nodes of a level. The hashes must be
    /// sorted.
    pub fn find(
        &mut self,
        hashes: impl Iterator<Item = Hash>,
        lowest: u64,
        read: Read,
    ) -> Result<Vec<(EventLocation, Hash)>, StoreError> {
        let mut found = Vec::new();
        let Some(root) = self.root else { return Ok(found) };
        let mut below: Vec<(Hash, Pointer)> = hashes.map(|hash| (hash, root)).collect();
        for depth in 0..Hash::DIGITS {
            below.retain(|(_, pointer)| pointer.append >= lowest);
            self.read_all(below.iter().map(|(_, pointer)| *pointer), read)?;
            for (hash, pointer) in std::mem::take(&mut below) {
                match self.node(pointer, read)?.child(hash.digit(depth)) {
                    Child::Node(pointer) => below.push((hash, pointer)),
                    Child::Leaf(same, place) if same == hash && place.append >= lowest => {
                        found.push((place, hash));
                    }
                    Child::Leaf(..) | Child::None => {}
                }
            }
        }
        match below.first() {
            None => Ok(found),
            Some((_, Pointer { append, .. })) => Err(StoreError::damaged(*append)),
        }
    }

    /// Builds the index of the next append from the append's ids. `lowest` is
    /// the number of the oldest append that is still retained when the next
    /// append is stored. If `catches_up` is true, the index also gets the ids
    /// of older appends that were written without an index.
    pub fn write(
        &mut self,
        (number, first): (u64, Seq),
        mut ids: Vec<(Hash, EventLocation)>,
        lowest: u64,
        catches_up: bool,
        read: Read,
    ) -> Result<Written, StoreError> {
        let mut complete_from = self.complete_from;
        if catches_up && let Some(older) = &self.unindexed {
            complete_from = older.from;
            ids.extend(older.ids.iter().copied());
        }
        ids.retain(|(_, place)| place.append >= lowest);
        let root = self.root.filter(|root| root.append >= lowest);
        let header = Header { first, complete_from, root };
        let mut written = Written { bytes: vec![0; Header::BYTES], header, nodes: Vec::new() };
        if !ids.is_empty() {
            let mut adding = Adding { number, lowest, read, written };
            let root = adding.add(self, root, 0, ids)?;
            written = adding.written;
            written.header.root = Some(root);
        }
        let header = written.header.encode(number);
        written.bytes.splice(..Header::BYTES, header);
        Ok(written)
    }

    /// Makes `written` the current index and caches its nodes. `written` must
    /// already be stored.
    pub fn commit(&mut self, written: Written) {
        let Written { header, nodes, .. } = written;
        self.root = header.root;
        if self.complete_from != header.complete_from {
            self.complete_from = header.complete_from;
            self.unindexed = None;
        }
        nodes.into_iter().for_each(|(pointer, bytes)| self.cache(pointer, bytes));
        self.shrink();
    }

    fn node(&mut self, pointer: Pointer, read: Read) -> Result<Node, StoreError> {
        if !self.cache.contains_key(&pointer.key()) {
            self.read_all([pointer].into_iter(), read)?;
        }
        let bytes = self.cache.get(&pointer.key()).map(|node| node.0.as_slice());
        Node::decode(bytes.unwrap_or_default(), pointer.append)
    }

    /// Reads the nodes that are not cached. Equal pointers must be adjacent, so
    /// that each node is read once.
    fn read_all(
        &mut self,
        pointers: impl Iterator<Item = Pointer>,
        read: Read,
    ) -> Result<(), StoreError> {
        let is_missing = |pointer: &Pointer| !self.cache.contains_key(&pointer.key());
        let mut missing: Vec<Pointer> = pointers.filter(is_missing).collect();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        for (pointer, bytes) in missing.iter().zip(read(&missing, Node::MOST_BYTES)?) {
            // The piece may contain more bytes than the node.
            let node = Node::decode(&bytes, pointer.append)?;
            self.cache(*pointer, node.encode(pointer.append));
        }
        Ok(())
    }

    fn cache(&mut self, pointer: Pointer, bytes: Vec<u8>) {
        self.cached_bytes = self.cached_bytes.saturating_add(cost(&bytes));
        self.cache.insert(pointer.key(), Box::new(Encoded(bytes)));
    }

    /// Evicts the oldest nodes if the cache exceeds its limit. An eviction moves
    /// all other nodes, so at least an eighth is evicted at a time. The cache may
    /// exceed the limit during a publish, because storing the new ids requires the
    /// nodes that the lookup has read.
    pub fn shrink(&mut self) {
        if self.cached_bytes <= limits::IDS_CACHED_BYTES {
            return;
        }
        let mut bytes = self.cached_bytes;
        self.cache.retain(|_, node| {
            let is_kept = bytes <= CACHED_BYTES_AFTER_EVICTION;
            bytes = if is_kept { bytes } else { bytes.saturating_sub(cost(&node.0)) };
            is_kept
        });
        self.cached_bytes = bytes;
    }
}

/// Adds ids to the index, and copies the nodes on the paths from the root to
/// these ids.
struct Adding<'a> {
    number: u64,
    lowest: u64,
    read: Read<'a>,
    written: Written,
}

impl Adding<'_> {
    fn add(
        &mut self,
        index: &mut Ids,
        old: Option<Pointer>,
        depth: usize,
        mut ids: Vec<(Hash, EventLocation)>,
    ) -> Result<Pointer, StoreError> {
        if depth >= Hash::DIGITS {
            return Err(StoreError::damaged(self.number));
        }
        let old = old.filter(|pointer| pointer.append >= self.lowest);
        let mut node = old.map_or_else(|| Ok(Node::default()), |old| index.node(old, self.read))?;
        node.prune(self.lowest);
        // If an id occurs twice, the index contains the id's newest event.
        ids.sort_unstable_by_key(|(hash, place)| (*hash, std::cmp::Reverse(*place)));
        ids.dedup_by_key(|(hash, _)| *hash);
        for group in ids.chunk_by(|(a, _), (b, _)| a.digit(depth) == b.digit(depth)) {
            let digit = group.first().map_or(0, |(hash, _)| hash.digit(depth));
            let Some(child) = node.0.get_mut(digit) else { continue };
            *child = self.grow(index, *child, depth.saturating_add(1), group.to_vec())?;
        }
        let bytes = node.encode(self.number);
        let offset = self.written.bytes.len() as u64;
        let pointer = Pointer { append: self.number, offset };
        self.written.bytes.extend(&bytes);
        self.written.nodes.push((pointer, bytes));
        Ok(pointer)
    }

    /// Adds ids below a child, and returns the new child.
    fn grow(
        &mut self,
        index: &mut Ids,
        child: Child,
        depth: usize,
        mut ids: Vec<(Hash, EventLocation)>,
    ) -> Result<Child, StoreError> {
        let old = match child {
            Child::Node(pointer) => Some(pointer),
            Child::Leaf(hash, place) => {
                ids.push((hash, place));
                None
            }
            Child::None => None,
        };
        let newest = ids.iter().max_by_key(|(_, place)| *place).copied();
        Ok(match newest {
            Some((hash, place)) if old.is_none() && ids.iter().all(|(id, _)| *id == hash) => {
                Child::Leaf(hash, place)
            }
            _ => Child::Node(self.add(index, old, depth, ids)?),
        })
    }
}

fn cost(bytes: &[u8]) -> usize {
    bytes.len().saturating_add(size_of::<(Pointer, Vec<u8>)>())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::protocol::Epoch;

    /// The rows of a ring, and the pieces that were read from them.
    #[derive(Default)]
    struct Ring {
        rows: LiteMap<u64, Vec<u8>>,
        reads: RefCell<Vec<Pointer>>,
    }

    impl Ring {
        fn read(&self, pieces: &[Pointer], bytes: usize) -> Result<Vec<Vec<u8>>, StoreError> {
            self.reads.borrow_mut().extend(pieces);
            let piece = |pointer: &Pointer| {
                let row = self
                    .rows
                    .get(&pointer.append)
                    .ok_or_else(|| StoreError::damaged(pointer.append))?;
                let from = row.iter().skip(usize::try_from(pointer.offset).unwrap());
                Ok(from.take(bytes).copied().collect())
            };
            pieces.iter().map(piece).collect()
        }

        /// Stores an append with these ids, and removes the appends before
        /// `lowest`.
        fn append(&mut self, index: &mut Ids, number: u64, lowest: u64, ids: &[u64]) {
            let place = |at| EventLocation { append: number, index: at };
            let ids = (0_u16..).zip(ids).map(|(at, id)| (hash(*id), place(at))).collect();
            let first = Seq::new(number).unwrap().plus(1);
            let read = |pieces: &[Pointer], bytes| self.read(pieces, bytes);
            let written = index.write((number, first), ids, lowest, true, &read).unwrap();
            self.rows.insert(number, written.bytes.clone());
            self.rows.retain(|number, _| *number >= lowest);
            index.commit(written);
        }

        fn find(&self, index: &mut Ids, lowest: u64, ids: &[u64]) -> LiteMap<Hash, EventLocation> {
            let mut hashes: Vec<Hash> = ids.iter().map(|id| hash(*id)).collect();
            hashes.sort_unstable();
            let read = |pieces: &[Pointer], bytes| self.read(pieces, bytes);
            let found = index.find(hashes.into_iter(), lowest, &read).unwrap();
            found.into_iter().map(|(place, hash)| (hash, place)).collect()
        }
    }

    fn hash(id: u64) -> Hash {
        Hash::of(Epoch::from_random(7), "ann", &id.to_string())
    }

    fn open(ring: &Ring, number: u64) -> Ids {
        let (first, at) = (Seq::new(number).unwrap().plus(1), crate::time::Millis::new(0));
        let zero = 0;
        let head = Append {
            number,
            first,
            last: first,
            at,
            start_offset: zero,
            end_offset: zero,
            floor: zero,
            floor_offset: zero,
        };
        Ids::open(Some(head), &|pieces, bytes| ring.read(pieces, bytes)).unwrap()
    }

    #[test]
    fn only_retained_ids_are_found() {
        let (mut ring, mut index) = (Ring::default(), Ids::default());
        let mut newest: LiteMap<Hash, EventLocation> = LiteMap::new();
        for number in 0..600_u64 {
            let lowest = number.saturating_sub(99);
            // There are large and small appends, and some ids occur several
            // times.
            let count = if number % 50 == 0 { 300 } else { number % 3 };
            let ids: Vec<u64> = (0..count).map(|at| (number * 7 + at * 13) % 5_000).collect();
            ring.append(&mut index, number, lowest, &ids);
            for (at, id) in (0_u16..).zip(&ids) {
                let place = EventLocation { append: number, index: at };
                let known = newest.entry(hash(*id)).or_insert(place);
                *known = place.max(*known);
            }
            newest.retain(|_, place| place.append >= lowest);
            if number % 40 == 39 {
                index = open(&ring, number);
                let all: Vec<u64> = (0..6_000).collect();
                assert_eq!(ring.find(&mut index, lowest, &all), newest, "after {number}");
            }
        }
    }

    /// Limits: IDS_CACHED_BYTES.
    #[test]
    fn cache_stays_within_its_limit_and_contains_the_newest_nodes() {
        let (mut ring, mut index) = (Ring::default(), Ids::default());
        for number in 0..60 {
            let ids: Vec<u64> = (number * 1_000..number * 1_000 + 1_000).collect();
            ring.append(&mut index, number, 0, &ids);
            assert!(index.cached_bytes <= limits::IDS_CACHED_BYTES);
        }
        let bytes: usize = index.cache.values().map(|node| cost(&node.0)).sum();
        assert_eq!(index.cached_bytes, bytes);
        assert!(bytes > CACHED_BYTES_AFTER_EVICTION - 1_000, "the cache is nearly full");
        ring.reads.take();
        let found = ring.find(&mut index, 0, &(59_000..60_000).collect::<Vec<_>>());
        assert_eq!((found.len(), ring.reads.take().len()), (1_000, 0));
        // A single lookup may read all nodes of the oldest append.
        ring.find(&mut index, 0, &(0..1_000).collect::<Vec<_>>());
        index.shrink();
        assert!(index.cached_bytes <= limits::IDS_CACHED_BYTES);
    }

    #[test]
    fn nodes_in_a_circle_are_an_error() {
        let circle = Pointer { append: 0, offset: Header::BYTES as u64 };
        let mut ring = Ring::default();
        let node = Node([Child::Node(circle); 16]).encode(0);
        let header = Header { first: Seq::new(1).unwrap(), complete_from: 0, root: Some(circle) };
        ring.rows.insert(0, [header.encode(0), node].concat());
        let mut index = open(&ring, 0);
        let read = |pieces: &[Pointer], bytes| ring.read(pieces, bytes);
        assert!(index.find([hash(1)].into_iter(), 0, &read).is_err());
        let place = EventLocation { append: 1, index: 0 };
        let ids = vec![(hash(1), place)];
        assert!(index.write((1, Seq::new(2).unwrap()), ids, 0, true, &read).is_err());
    }
}
