//! The judge of what people do in channels: its own small model of the rules, and what
//! follows from it. It asks nothing of the code that it judges.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "most rules are for checks to come")
)]
pub(crate) mod rules;
