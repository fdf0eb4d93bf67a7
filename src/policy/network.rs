//! Address blocks.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv6Addr;

use crate::policy::problem::Refusal;

/// An address or a CIDR block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The first address of the block.
    first: IpAddr,
    /// Length of the prefix in bits.
    bits: u8,
}

/// Returns the address as a number, and its width in bits.
fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

/// Returns a mask of the host bits of an address of `width` bits with a prefix of `bits`.
fn host_mask(width: u8, bits: u8) -> u128 {
    match u32::from(width - bits) {
        128 => u128::MAX,
        free => (1 << free) - 1,
    }
}

impl Network {
    /// Parses an address or a CIDR block (RFC 4632, RFC 4291 section 2.3).
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let refusal = || {
            Refusal::new(
                "no address",
                "write an address or a block such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32",
            )
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_unreadable| refusal())?;
        let (_, width) = number(address);
        let bits = match bits {
            Some(bits)
                if !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                bits.parse::<u8>().ok().filter(|bits| *bits <= width).ok_or_else(refusal)?
            }
            Some(_) => return Err(refusal()),
            None => width,
        };
        let (first, bits) = match (address.to_canonical(), bits) {
            (IpAddr::V4(v4), _) if address.is_ipv6() => match bits.checked_sub(96) {
                Some(bits) => (IpAddr::V4(v4), bits),
                None => {
                    return Err(Refusal::new("a block that mixes IPv4 and IPv6", "write one block for each"));
                }
            },
            (canonical, bits) => (canonical, bits),
        };
        let (value, width) = number(first);
        let host = host_mask(width, bits);
        if value & host != 0 {
            let start = value & !host;
            let start = match u32::try_from(start) {
                Ok(v4) if width == 32 => IpAddr::V4(v4.into()),
                _ => IpAddr::V6(Ipv6Addr::from_bits(start)),
            };
            return Err(Refusal::new("an address inside a block", format!("the block is {start}/{bits}")));
        }
        Ok(Self { first, bits })
    }

    /// Parses one from the configuration. The error is the problem and what is accepted.
    ///
    /// # Errors
    /// Not an address, or one with host bits set inside a block.
    pub fn read(text: &str) -> Result<Self, (&'static str, String)> {
        Self::parse(text).map_err(|refusal| (refusal.problem, refusal.accepted))
    }

    /// Returns whether `address` is in the block. IPv4 inside IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, width) = number(self.first);
        let (other, other_width) = number(address.to_canonical());
        width == other_width && (own ^ other) & !host_mask(width, self.bits) == 0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, width) = number(self.first);
        if self.bits == width {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}/{}", self.first, self.bits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_what_begins_like_it() {
        for (block, address, inside) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("::/0", "::ffff:10.0.0.1", false),
            ("2001:db8::/33", "2001:db8:7fff::", true),
            ("2001:db8::/33", "2001:db8:8000::", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.6/31", "192.0.2.7", true),
            ("::1", "::1", true),
            ("127.0.0.1", "::1", false),
        ] {
            let network = Network::parse(block).expect(block);
            assert_eq!(network.contains(address.parse().expect(address)), inside, "{block} {address}");
        }
    }

    #[test]
    fn what_is_no_block_is_refused_with_the_block_that_was_meant() {
        for text in [
            "",
            "10",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/008x",
            "::/129",
            "localhost",
            "010.0.0.1",
            "::ffff:0:0/90",
        ] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
        let refusal = Network::parse("10.1.2.3/8").expect_err("host bits");
        assert_eq!(refusal.accepted, "the block is 10.0.0.0/8");
        assert_eq!(
            Network::parse("2001:db8::1/32").expect_err("host bits").accepted,
            "the block is 2001:db8::/32"
        );
    }
}
