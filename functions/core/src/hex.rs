//! Bytes as hexadecimal digits and back: hashes are shown, stored and compared in this one spelling.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two digits for each byte, in lower case.
pub fn encode(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
    bytes.iter().flat_map(digits).collect()
}

/// The bytes that exactly so many pairs of digits of either case stand for; `None` for any other text.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; N] = pairs.try_into().ok()?;
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// The bytes that pairs of digits of either case stand for, however many; `None` for any other text.
pub fn decode_all(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// The value of a digit of either case.
pub(crate) fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read_back() {
        let all: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        assert_eq!(decode(&encode(&all)), Some(all));
        assert_eq!(decode(&encode(&all).to_uppercase()), Some(all));
        assert_eq!(decode_all(&encode(&all)), Some(all.to_vec()));
        assert_eq!(encode(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!((encode(&[]).as_str(), decode("")), ("", Some([])));
    }

    #[test]
    fn what_is_not_so_many_pairs_of_digits_is_refused() {
        for text in ["", "0", "000", "00000", "000000", "00 0", "0g00", "+f00", "0x00", "é00", "00é"] {
            assert_eq!(decode::<2>(text), None, "{text}");
        }
        for text in ["0", "000", "00 0", "0g00", "+f00", "0x00", "é00"] {
            assert_eq!(decode_all(text), None, "{text}");
        }
    }
}
