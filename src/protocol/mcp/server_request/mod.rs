//! What a target asks of a client and its person: input, samples of a model, the roots of its files.
//!
//! Reading order: [`declared`] (what a client can be asked), [`asking`] (what a target may ask, wherever
//! it asks) with [`elicitation`] (what it may ask a person), [`own_answers`] (what the gateway answers by
//! itself).

pub mod asking;
pub mod declared;
pub mod elicitation;
pub mod own_answers;
