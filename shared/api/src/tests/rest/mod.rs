//! The REST API: what each route answers, and what it refuses.

mod document;
mod problems;
mod queues;
mod runs;
mod starts;
mod timers;
mod workflows;
