//! The local stack: the product as it runs in the cloud, on one machine. Requests become API Gateway events for the real
//! handlers, the stores are embedded servers that speak the real protocols, the targets are simulators.

pub mod arrivals;
pub mod config_push;
pub mod definition;
pub mod embedded;
pub mod failure;
pub mod gateway;
pub mod keys;
pub mod place;
pub mod ready;
pub mod sample;
pub mod send;
pub mod serve;
pub mod simulate;
pub mod stack;
pub mod state;
pub mod targets_check;

mod lambda;
mod stream;
