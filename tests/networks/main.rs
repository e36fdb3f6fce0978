//! What a caller gets on each network, as a table that is compared exactly: any change of the receiver's behaviour is
//! a difference in `table.txt`. And calls of many minutes, in which nothing may grow.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test networks` writes the table anew. Time is virtual and the voice is made of sums
//! and products, so the table is the same on every machine.

mod call;
mod drift;
mod table;
mod voice;
