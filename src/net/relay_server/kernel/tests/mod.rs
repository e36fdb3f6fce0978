//! The program in the kernel, run for one packet at a time, as the kernel itself offers it. Not everybody may load programs:
//! so these are run by `tests/kernel_relay`, which can tell skipped from passed.

mod carried;
mod datagram;
mod model;
mod refusals;
mod relayed;
mod stand;

pub(crate) use stand::missing;

/// A test, and what it is called.
pub(crate) type Scene = (&'static str, fn());

macro_rules! scenes {
    ($($module:ident :: $name:ident),* $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), $module::$name)),*]
    };
}

/// All of them.
pub(crate) const SCENES: &[Scene] = scenes![
    relayed::a_clients_data_goes_to_its_peer_without_the_header,
    relayed::a_peers_data_goes_to_its_client_behind_a_header,
    relayed::what_leaves_has_a_checksum_that_is_right_or_stays_with_the_sockets,
    relayed::any_data_of_any_length_arrives_as_it_was_sent,
    relayed::bandwidth_is_bounded_both_ways_together_and_what_is_over_is_dropped,
    relayed::what_is_relayed_is_counted,
    relayed::sockets_and_kernel_have_one_bandwidth_together,
    refusals::what_is_not_an_exact_match_goes_up_unchanged,
    refusals::what_is_not_one_whole_plain_datagram_goes_up_unchanged,
    refusals::channel_data_that_lies_or_is_padded_goes_up_unchanged,
    refusals::an_entry_that_is_over_or_gone_relays_nothing,
    refusals::what_is_too_long_for_the_way_goes_up_unchanged,
    refusals::what_comes_in_where_its_sender_is_not_goes_up_unchanged,
    model::what_the_program_relays_the_core_relays_too_and_nothing_else,
    carried::a_channel_that_passes_has_its_entries_until_it_is_closed,
    carried::a_channel_that_goes_to_another_peer_leaves_nothing_behind,
    carried::who_has_many_channels_has_a_few_in_the_kernel,
    carried::a_full_table_costs_nothing_but_the_kernels_help,
    carried::while_the_network_changes_nothing_is_carried_and_then_everything_again,
    carried::a_client_behind_a_wildcard_is_reached_from_the_address_that_the_system_chooses,
    carried::what_is_not_ipv4_is_not_carried,
];
