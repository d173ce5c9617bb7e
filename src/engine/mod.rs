//! Things that run the network.
