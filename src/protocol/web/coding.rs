//! Content codings of a reply (RFC 9110, section 8.4): decoded piece by piece, with bounded growth, so that
//! the body can be read.

use std::io;
use std::io::Write;

use http::HeaderMap;
use http::HeaderValue;
use http::header;
use zstd::stream::raw::Operation;

/// The largest ratio of decoded to encoded bytes once the output exceeds [`FREE`]; more than that is a
/// decompression bomb.
const MAX_RATIO: u64 = 200;
/// How much output is free of the ratio limit, in bytes.
const FREE: u64 = 4 << 20;

/// The body does not match its coding, or is a decompression bomb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecodable(pub &'static str);

/// A body has an unsupported coding, or more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCoding;

/// Collects the output up to a bound.
#[derive(Debug, Default)]
struct Sink {
    out: Vec<u8>,
    total: u64,
    bound: u64,
    overflowed: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.total += bytes.len() as u64;
        if self.total > self.bound {
            self.overflowed = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Kind {
    Brotli(Box<brotli_decompressor::DecompressorWriter<Sink>>),
    Gzip(Box<flate2::write::MultiGzDecoder<Sink>>),
    Zstd { decoder: Box<zstd::stream::raw::Decoder<'static>>, sink: Sink, complete: bool },
}

/// Decodes one content coding.
pub struct Decoder {
    kind: Kind,
    taken: u64,
}

impl Decoder {
    /// Returns the decoder of a coding; `None` if it is not supported.
    pub fn of(coding: &str) -> Option<Self> {
        let kind = match coding.trim().to_ascii_lowercase().as_str() {
            "br" => {
                Kind::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(Sink::default(), 4096)))
            }
            "gzip" | "x-gzip" => Kind::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Sink::default()))),
            "zstd" => {
                let mut decoder = zstd::stream::raw::Decoder::new().ok()?;
                // RFC 9659: a window of at most 8 MiB.
                decoder.set_parameter(zstd::stream::raw::DParameter::WindowLogMax(23)).ok()?;
                Kind::Zstd { decoder: Box::new(decoder), sink: Sink::default(), complete: false }
            }
            _ => return None,
        };
        Some(Self { kind, taken: 0 })
    }

    /// Returns the decoder for the coding that a message names; `None` if it names none.
    ///
    /// # Errors
    /// There is more than one coding, or an unsupported one.
    pub fn of_headers(headers: &HeaderMap) -> Result<Option<Self>, UnknownCoding> {
        let identity = |coding: &&HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter().filter(|coding| !identity(coding));
        let (first, second) = (codings.next(), codings.next());
        let Some(coding) = first else { return Ok(None) };
        let decoder = coding.to_str().ok().filter(|_| second.is_none()).and_then(Self::of);
        decoder.map(Some).ok_or(UnknownCoding)
    }

    fn sink(&mut self) -> &mut Sink {
        match &mut self.kind {
            Kind::Brotli(writer) => writer.get_mut(),
            Kind::Gzip(writer) => writer.get_mut(),
            Kind::Zstd { sink, .. } => sink,
        }
    }

    /// Decodes the next piece and appends the output to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Undecodable> {
        if self.taken == 0
            && matches!(self.kind, Kind::Brotli(_))
            && input.first().copied().is_some_and(is_large_window)
        {
            return Err(Undecodable("its Brotli window is larger than `br` allows"));
        }
        self.taken += input.len() as u64;
        let bound = FREE.saturating_add(self.taken.saturating_mul(MAX_RATIO));
        self.sink().bound = bound;
        let written = match &mut self.kind {
            Kind::Brotli(writer) => writer.write_all(input),
            Kind::Gzip(writer) => writer.write_all(input),
            Kind::Zstd { decoder, sink, complete } => run_zstd(decoder, sink, complete, input),
        };
        let sink = self.sink();
        out.append(&mut sink.out);
        match written {
            Ok(()) => Ok(()),
            Err(_) if sink.overflowed => Err(Undecodable("it is too large when decompressed")),
            Err(_) => Err(Undecodable("it cannot be decompressed as its Content-Encoding says")),
        }
    }

    /// Ends the body and appends the rest; a premature end is an error.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Undecodable> {
        const EARLY: Undecodable = Undecodable("it ends early");
        if self.taken == 0 {
            return Ok(());
        }
        match &mut self.kind {
            Kind::Brotli(writer) => writer.close().map_err(|_early| EARLY)?,
            Kind::Gzip(writer) => writer.try_finish().map_err(|_early| EARLY)?,
            Kind::Zstd { complete, .. } => {
                if !*complete {
                    return Err(EARLY);
                }
            }
        }
        out.append(&mut self.sink().out);
        Ok(())
    }
}

/// Returns whether a stream that begins with this byte is Brotli's large-window format: a window of up to
/// 1 GiB, behind a mark that RFC 7932, section 9.1, rules out. The library reads it all the same.
fn is_large_window(first: u8) -> bool {
    first & 0x7f == 0x11
}

fn run_zstd(
    decoder: &mut zstd::stream::raw::Decoder<'static>,
    sink: &mut Sink,
    complete: &mut bool,
    input: &[u8],
) -> io::Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    let mut buffer = [0_u8; 16 << 10];
    let mut rest = input;
    loop {
        let status = decoder.run_on_buffers(rest, &mut buffer)?;
        rest = rest.get(status.bytes_read..).unwrap_or_default();
        sink.write_all(buffer.get(..status.bytes_written).unwrap_or_default())?;
        *complete = status.remaining == 0;
        if *complete && !rest.is_empty() {
            decoder.reinit()?;
        } else if rest.is_empty() && (*complete || status.bytes_written < buffer.len()) {
            // Another call after the end of a frame would look for the next frame.
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_message_names_one_coding_that_is_known_or_none() {
        for (codings, wanted) in [
            (&[][..], Ok(false)),
            (&["identity"][..], Ok(false)),
            (&["GZIP"], Ok(true)),
            (&["identity", "br"], Ok(true)),
            (&["gzip", "gzip"], Err(UnknownCoding)),
            (&["gzip, br"], Err(UnknownCoding)),
            (&["deflate"], Err(UnknownCoding)),
        ] {
            let mut headers = HeaderMap::new();
            for coding in codings {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            assert_eq!(Decoder::of_headers(&headers).map(|found| found.is_some()), wanted, "{codings:?}");
        }
    }

    fn decode(coding: &str, input: &[u8], size: usize) -> Result<Vec<u8>, Undecodable> {
        let mut decoder = Decoder::of(coding).unwrap();
        let mut out = Vec::new();
        for piece in input.chunks(size.max(1)) {
            decoder.push(piece, &mut out)?;
        }
        decoder.finish(&mut out)?;
        Ok(out)
    }

    #[test]
    fn what_was_encoded_comes_back_however_it_is_cut() {
        let data: Vec<u8> = (0..50_000_u32).flat_map(|n| (n % 251).to_le_bytes()).collect();
        // "hello" by the brotli reference encoder, quality 0: one uncompressed meta-block.
        let brotli = [0x0b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];
        for size in [1, 7, 4096, usize::MAX] {
            assert_eq!(decode("gzip", &gzip(&data), size).as_deref(), Ok(&data[..]));
            assert_eq!(
                decode("zstd", &zstd::encode_all(&data[..], 3).unwrap(), size).as_deref(),
                Ok(&data[..])
            );
            assert_eq!(decode("br", &brotli, size).as_deref(), Ok(&b"hello"[..]));
        }
        for size in [0, 1, 16_383, 16_384, 32_768, 131_072] {
            let packed = zstd::encode_all(&vec![b'x'; size][..], 3).unwrap();
            assert_eq!(decode("zstd", &packed, 5).map(|out| out.len()), Ok(size));
            assert_eq!(decode("zstd", &packed, usize::MAX).map(|out| out.len()), Ok(size));
        }
        let twice = [gzip(b"a"), gzip(b"b")].concat();
        assert_eq!(decode("gzip", &twice, 3).as_deref(), Ok(&b"ab"[..]));
        let frames = [b"a", b"b"].map(|text| zstd::encode_all(&text[..], 3).unwrap());
        for size in [1, 3, frames[0].len(), usize::MAX] {
            assert_eq!(decode("zstd", &frames.concat(), size).as_deref(), Ok(&b"ab"[..]), "{size}");
        }
    }

    #[test]
    fn cut_and_broken_bodies_are_errors() {
        let data = b"some data that is long enough to be packed, packed, packed, packed";
        for (coding, packed) in [("gzip", gzip(data)), ("zstd", zstd::encode_all(&data[..], 3).unwrap())] {
            for cut in 1..packed.len() {
                assert!(decode(coding, &packed[..cut], 9).is_err(), "{coding} cut at {cut}");
            }
        }
        for coding in ["gzip", "br", "zstd"] {
            assert!(
                decode(coding, b"this is not packed at all, whatever the header says", 9).is_err(),
                "{coding}"
            );
        }
        assert!(
            Decoder::of("deflate").is_none()
                && Decoder::of("compress").is_none()
                && Decoder::of("gzip, br").is_none()
        );
    }

    #[test]
    fn brotli_with_a_window_larger_than_the_rfc_allows_is_refused() {
        // "hello" by the reference encoder with BROTLI_PARAM_LARGE_WINDOW and a window of 1 GiB. The library
        // would decode it.
        let large = [0x11, 0x1e, 0x08, 0x00, 0x02, b'h', b'e', b'l', b'l', b'o', 0x03];
        for size in [1, large.len()] {
            let refused = decode("br", &large, size).unwrap_err();
            assert!(refused.0.contains("window"), "{refused:?}");
        }
    }

    #[test]
    fn a_bomb_is_stopped() {
        let zeros = vec![0_u8; 64 << 20];
        for packed in [("gzip", gzip(&zeros)), ("zstd", zstd::encode_all(&zeros[..], 3).unwrap())] {
            assert_eq!(
                decode(packed.0, &packed.1, 32 << 10),
                Err(Undecodable("it is too large when decompressed"))
            );
        }
    }
}
