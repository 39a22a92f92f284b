//! Takes a multipart/form-data body apart, chunk by chunk, without holding the files in it.
//! Ours, because a reader for the open web guesses or gives up where we have to refuse one part: after a bad
//! header, a second disposition, or a file that begins like the boundary.

mod boundary;
mod delimiter;
mod header;

use bytes::Bytes;

pub use boundary::{Boundary, MAX_BOUNDARY};
pub use delimiter::MAX_PADDING;
pub use header::{Header, HeaderSection, MAX_HEADER_LINES, MAX_HEADER_SECTION, UnreadableSection};

use delimiter::{Delimiter, Line};
use header::Head;

/// A fault of the whole request; the texts are for the caller and hold no byte of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MultipartFault {
    /// The Content-Type has no `boundary` parameter.
    #[error("the content type has no boundary")]
    NoBoundary,
    /// The Content-Type has more than one, equal or not.
    #[error("the content type has two boundaries")]
    TwoBoundaries,
    /// The boundary is empty, longer than [`MAX_BOUNDARY`], has control characters, or its quotes do not close.
    #[error(
        "the boundary in the content type must have 1 to 70 characters, none of them a control character"
    )]
    BadBoundary,
    /// No line of the body is a delimiter with the boundary of the Content-Type.
    #[error("the boundary of the content type is not in the multipart body")]
    BoundaryNotFound,
    /// As above, but lines that end with LF alone would have been delimiters.
    #[error("the lines of the multipart body end with LF alone, CRLF is required")]
    LfOnly,
    /// The body ended before the blank line behind the headers of a part, or right behind it.
    #[error("the multipart body is cut: it ends in the headers of a part")]
    CutInHeaders,
    /// The body ended before the closing delimiter.
    #[error("the multipart body is cut: the closing delimiter is missing")]
    CutInData,
}

/// What the bytes of a body mean, in their order: per part one `Part`, any number of `Data`, one `End`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A part begins; its header section, raw.
    Part(HeaderSection),
    /// Bytes of the current part, never empty; where they are cut depends on the chunks.
    Data(Bytes),
    /// The current part is complete.
    End,
}

/// Takes the chunks of a multipart/form-data body in turn and gives back what they mean.
///
/// Holds no more than one header section and one delimiter line ([`MAX_HEADER_SECTION`], [`MAX_PADDING`]). The
/// parts do not depend on how the body was cut into chunks. The grammar is that of RFC 2046, 5.1.1: a delimiter
/// stands at the start of a line, which begins the body or follows CRLF; blanks may follow it, then CRLF must. In
/// the closing one `--` follows the boundary at once, then blanks, and a line end or the end of the body; what comes
/// behind the line end is epilogue. A line that goes on in
/// another way is data. The delimiter's CRLF is not part of the data, and may be the one that ends the headers.
pub struct Splitter {
    delimiter: Delimiter,
    /// Looks in the preamble for what would be a delimiter if LF ended lines.
    lf_delimiter: Delimiter,
    lf_seen: bool,
    state: State,
}

enum State {
    Preamble,
    Headers(Head),
    Data,
    Closed,
}

impl Splitter {
    /// A splitter at the start of a body with this boundary.
    pub fn new(boundary: &Boundary) -> Splitter {
        Splitter {
            delimiter: Delimiter::after_crlf(boundary),
            lf_delimiter: Delimiter::after_lf(boundary),
            lf_seen: false,
            state: State::Preamble,
        }
    }

    /// Feeds one chunk, of any size; its events are added to `events`, the data as slices of the chunk.
    ///
    /// The shortest part has five bytes, so a hostile chunk makes up to half an event per byte: a caller who gets
    /// megabytes at once feeds them in slices, and empties `events` in between. At present every fault shows at
    /// the end only, in [`finish`](Self::finish), and this is always `Ok`.
    pub fn feed(&mut self, mut chunk: Bytes, events: &mut Vec<Event>) -> Result<(), MultipartFault> {
        while !chunk.is_empty() && !matches!(self.state, State::Closed) {
            let (state, lf_delimiter, lf_seen) = (&mut self.state, &mut self.lf_delimiter, &mut self.lf_seen);
            let line = self.delimiter.seek(&mut chunk, |mut piece| match state {
                State::Preamble => *lf_seen = *lf_seen || lf_delimiter.seek(&mut piece, drop).is_some(),
                State::Headers(_) | State::Data | State::Closed => state.take(piece, events),
            });
            if let Some(line) = line {
                self.turn(line, events);
            }
        }
        Ok(())
    }

    /// The body has ended; what that makes of its last bytes is added to `events`.
    ///
    /// # Errors
    /// Unless the closing delimiter was seen: that the boundary was never found, or that the body is cut.
    pub fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), MultipartFault> {
        if self.delimiter.closes_at_the_end() {
            self.turn(Line::Closing, events);
        }
        match &self.state {
            State::Closed => Ok(()),
            State::Preamble => {
                let (lf_delimiter, lf_seen) = (&mut self.lf_delimiter, &mut self.lf_seen);
                self.delimiter.release(|mut held| *lf_seen |= lf_delimiter.seek(&mut held, drop).is_some());
                *lf_seen |= lf_delimiter.closes_at_the_end();
                Err(if self.lf_seen { MultipartFault::LfOnly } else { MultipartFault::BoundaryNotFound })
            }
            State::Headers(_) => Err(MultipartFault::CutInHeaders),
            State::Data => Err(MultipartFault::CutInData),
        }
    }

    /// A delimiter line was read: one part ends, another may begin.
    fn turn(&mut self, line: Line, events: &mut Vec<Event>) {
        let next = match line {
            Line::Delimiter => State::Headers(Head::default()),
            Line::Closing => State::Closed,
        };
        match std::mem::replace(&mut self.state, next) {
            // RFC 2046 lets a part consist of headers alone: then there is no body, not even an empty line.
            State::Headers(head) => events.extend([Event::Part(head.into_section()), Event::End]),
            State::Data => events.push(Event::End),
            State::Preamble | State::Closed => {}
        }
    }
}

impl State {
    /// Takes bytes between two delimiters: headers up to the blank line, data behind it.
    fn take(&mut self, mut piece: Bytes, events: &mut Vec<Event>) {
        if let State::Headers(head) = self {
            if !head.take(&mut piece) {
                return;
            }
            let head = std::mem::take(head);
            events.push(Event::Part(head.into_section()));
            *self = State::Data;
        }
        if !piece.is_empty() {
            events.push(Event::Data(piece));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use proptest::prelude::*;
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    /// The parts of a body: header section (None: too large) and data.
    type Parts = Vec<(Option<Vec<u8>>, Vec<u8>)>;

    fn split_chunks(boundary: &str, chunks: &[&[u8]]) -> Result<Parts, MultipartFault> {
        let boundary = Boundary::parse(format!("multipart/form-data; boundary=\"{boundary}\"")).unwrap();
        let mut splitter = Splitter::new(&boundary);
        let mut events = Vec::new();
        for chunk in chunks {
            splitter.feed(Bytes::copy_from_slice(chunk), &mut events)?;
        }
        let finished = splitter.finish(&mut events);
        let mut parts: Parts = Vec::new();
        let mut open = false;
        for event in events {
            match event {
                Event::Part(section) => {
                    assert!(!std::mem::replace(&mut open, true), "a part begins inside a part");
                    let lines = match section {
                        HeaderSection::Lines(lines) => Some(lines.to_vec()),
                        HeaderSection::TooLarge => None,
                    };
                    parts.push((lines, Vec::new()));
                }
                Event::Data(data) => {
                    assert!(open && !data.is_empty(), "data outside a part, or none");
                    parts.last_mut().unwrap().1.extend_from_slice(&data);
                }
                Event::End => assert!(std::mem::replace(&mut open, false), "an end without a part"),
            }
        }
        finished.map(|()| assert!(!open, "a part is open at the end"))?;
        Ok(parts)
    }

    fn split(boundary: &str, body: impl AsRef<[u8]>) -> Result<Parts, MultipartFault> {
        let body = body.as_ref();
        let whole = split_chunks(boundary, &[body]);
        let bytewise: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(whole, split_chunks(boundary, &bytewise), "one chunk and single bytes differ");
        whole
    }

    /// Boundary `b`; expects these parts, `headers|data`.
    #[track_caller]
    fn check(body: impl AsRef<[u8]>, expected: &[(&str, &str)]) {
        let parts = split("b", body).expect("a whole body");
        let parts: Vec<(String, String)> = parts
            .into_iter()
            .map(|(head, data)| {
                let head = head.map_or("too large".into(), |head| String::from_utf8(head).unwrap());
                (head, String::from_utf8(data).unwrap())
            })
            .collect();
        let parts: Vec<(&str, &str)> =
            parts.iter().map(|(head, data)| (head.as_str(), data.as_str())).collect();
        assert_eq!(parts, expected);
    }

    #[track_caller]
    fn check_fault(body: &str, expected: MultipartFault) {
        assert_eq!(split("b", body), Err(expected));
    }

    #[test]
    fn parts_have_headers_and_data() {
        check("--b\r\nA: 1\r\nB: 2\r\n\r\nx\r\n--b--\r\n", &[("A: 1\r\nB: 2\r\n", "x")]);
        check(
            "--b\r\nA: 1\r\n\r\nx\r\n--b\r\nA: 2\r\n\r\ny\r\n--b--",
            &[("A: 1\r\n", "x"), ("A: 2\r\n", "y")],
        );
        check("--b\r\nA: 1\r\n\r\n\r\nx\r\n\r\n--b--", &[("A: 1\r\n", "\r\nx\r\n")]);
    }

    #[test]
    fn a_body_without_parts_may_be_whole() {
        check("--b--", &[]);
        check("--b--\r\n", &[]);
        check("\r\n--b--\r\n", &[]);
    }

    #[test]
    fn parts_may_be_empty() {
        check("--b\r\nA: 1\r\n\r\n\r\n--b--", &[("A: 1\r\n", "")]);
        check("--b\r\nA: 1\r\n\r\n--b--", &[("A: 1\r\n", "")]);
        check("--b\r\n\r\n\r\n--b--", &[("", "")]);
        check("--b\r\n\r\n--b--", &[("", "")]);
        check("--b\r\n--b--", &[("", "")]);
        check("--b\r\n--b\r\n\r\nx\r\n--b--", &[("", ""), ("", "x")]);
    }

    #[test]
    fn a_part_may_have_no_headers() {
        check("--b\r\n\r\nx\r\n--b--", &[("", "x")]);
    }

    #[test]
    fn a_delimiter_among_headers_ends_the_part_and_hides_no_other() {
        check("--b\r\nA: 1\r\n--b\r\nB: 1\r\n\r\ny\r\n--b--", &[("A: 1", ""), ("B: 1\r\n", "y")]);
    }

    #[test]
    fn preamble_and_epilogue_are_ignored() {
        check("hello\r\n--b\r\n\r\nx\r\n--b--\r\nbye\r\n--b\r\n\r\ny", &[("", "x")]);
        check("\r\n--b\r\n\r\nx\r\n--b--", &[("", "x")]);
        check("\r\n\r\n--b\r\n\r\nx\r\n--b--", &[("", "x")]);
        check("--bc\r\n --b\r\nx--b\r\n--b\r\n\r\nx\r\n--b--", &[("", "x")]);
        check("\n--b\nA: 1\n\n\r\n--b\r\n\r\nx\r\n--b--", &[("", "x")]);
        check("--b\r\n\r\nx\r\n--b--\nbye", &[("", "x")]);
    }

    #[test]
    fn blanks_may_follow_a_delimiter() {
        check("--b \t\r\n\r\nx\r\n--b  \r\n\r\ny\r\n--b-- \t\r\n", &[("", "x"), ("", "y")]);
        let most = " ".repeat(MAX_PADDING);
        check(format!("--b{most}\r\n\r\nx\r\n--b--"), &[("", "x")]);
        check(format!("--b\r\n\r\nx\r\n--b{most} \r\n--b--"), &[("", &format!("x\r\n--b{most} "))]);
    }

    #[test]
    fn what_begins_like_a_delimiter_is_data() {
        for data in [
            "\r\n--bc",
            "\r\n--b -",
            "\r\n--b--x",
            "\r\n--b-- x",
            "\r\n--b---",
            "\r\n--b --",
            "\r\n--b-",
            "\r\n--b-x",
            "\r\n--b \r",
            "\r\n--b\rx",
            "\r\n--b\n",
            "\r\n--",
            "\r\n-",
            "\r\n--\r\n--bx",
            "--b\r\n--bb",
            "x--b--",
            "\n--b--",
            "\n--b\r",
            "\r--b--",
            "\r",
            "\n",
            "\r\r",
            "\r\n",
            "\r\n\r",
            "\r\n--b\r\r",
            "\r\n\r\n--b.",
            "\r\n--B--",
            "-",
            "--",
            " --b--",
        ] {
            // A line that is a delimiter at the start of the data is one, so something stands before it.
            check(format!("--b\r\n\r\nx{data}\r\n--b--"), &[("", &format!("x{data}"))]);
            check(format!("--b\r\n\r\nx{data}y\r\n--b--"), &[("", &format!("x{data}y"))]);
        }
    }

    #[test]
    fn boundaries_may_be_prefixes_of_lines_and_end_with_hyphens() {
        let part = |data: &str| vec![(Some(Vec::new()), data.as_bytes().to_vec())];
        assert_eq!(split("b--", "--b--\r\n\r\nx\r\n--b\r\n--b----"), Ok(part("x\r\n--b")));
        assert_eq!(split("-", "---\r\n\r\nx\r\n--\r\n-----"), Ok(part("x\r\n--")));
        assert_eq!(split("bb", "--bb\r\n\r\nx\r\n--b--\r\n--bb--"), Ok(part("x\r\n--b--")));
    }

    #[test]
    fn a_missing_boundary_is_named() {
        check_fault("", MultipartFault::BoundaryNotFound);
        check_fault("--", MultipartFault::BoundaryNotFound);
        check_fault("--b", MultipartFault::BoundaryNotFound);
        check_fault("--c\r\n\r\nx\r\n--c--", MultipartFault::BoundaryNotFound);
        check_fault("x--b\n--b x", MultipartFault::BoundaryNotFound);
    }

    #[test]
    fn lf_lines_are_named() {
        check_fault("--b\nA: 1\n\nx\n--b--\n", MultipartFault::LfOnly);
        check_fault("--b \t\nA: 1\n\nx\n--b--\n", MultipartFault::LfOnly);
        check_fault("hello\n--b\nA: 1\n\nx\n--b--\n", MultipartFault::LfOnly);
        check_fault("hello\r\n--b\nA: 1\n\nx\n--b--\n", MultipartFault::LfOnly);
        check_fault("hello\n--b\r\n", MultipartFault::LfOnly);
        check_fault("hello\n--b\r\nA: 1\n\nx\n--b--\n", MultipartFault::LfOnly);
    }

    #[test]
    fn a_cut_body_is_named_wherever_it_is_cut() {
        let whole = "--b\r\nA: 1\r\n\r\nxyz\r\n--b--";
        for end in 0..whole.len() {
            let expected = match end {
                0..5 => MultipartFault::BoundaryNotFound,
                5..=13 => MultipartFault::CutInHeaders,
                _ => MultipartFault::CutInData,
            };
            check_fault(&whole[..end], expected);
        }
        check_fault("--b\r\nA: 1\n\nx\n--b--\n", MultipartFault::CutInHeaders);
    }

    #[test]
    fn a_too_large_header_section_refuses_its_part_alone() {
        let line = |bytes: usize| format!("A: {}\r\n", "x".repeat(bytes - 5));
        let body = |head: &str| format!("--b\r\n{head}\r\nx\r\n--b\r\nB: 1\r\n\r\ny\r\n--b--");
        let (most, over) = (line(MAX_HEADER_SECTION), line(MAX_HEADER_SECTION + 1));
        check(body(&most), &[(&most, "x"), ("B: 1\r\n", "y")]);
        check(body(&over), &[("too large", "x"), ("B: 1\r\n", "y")]);
        check(body(&line(MAX_HEADER_SECTION * 3)), &[("too large", "x"), ("B: 1\r\n", "y")]);
        check(format!("--b\r\n{most}\r\n--b--"), &[(&most, "")]);
        check(format!("--b\r\n{over}\r\n--b--"), &[("too large", "")]);
    }

    #[test]
    fn hostile_data_makes_few_events() {
        let boundary = Boundary::parse("multipart/form-data; boundary=b").unwrap();
        for unit in ["\r\n--bx", "\r\n", "\r\n--", "\r\n--b-x", "\r\n--b \r "] {
            let mut splitter = Splitter::new(&boundary);
            let mut events = Vec::new();
            splitter.feed(Bytes::from(format!("--b\r\n\r\n{}", unit.repeat(10_000))), &mut events).unwrap();
            assert!(events.len() <= 2, "{unit:?} makes {} events", events.len());
        }
    }

    /// Bytes that come close to a delimiter of the boundary `b`.
    fn near_delimiters() -> impl Strategy<Value = Vec<u8>> {
        let token = prop::sample::select(vec![
            "\r\n--b",
            "\r\n--b--",
            "--b",
            "--b--",
            "\r\n",
            "\r",
            "\n",
            "-",
            "--",
            "b",
            " ",
            "\t",
            "x",
            ":",
            "\r\n\r\n",
            "\r\n--b\r\n",
        ]);
        prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat().into_bytes())
    }

    /// A file that comes close to a delimiter of the boundary `boundary`; multer takes some for one that are none,
    /// such as `--boundary!`, and those are left out.
    fn near_file() -> impl Strategy<Value = Vec<u8>> {
        let token =
            prop::sample::select(vec!["\r", "\n", "\r\n", "-", "\r\n--boundar", "x--boundary", "b", "\0"]);
        prop::collection::vec(token, 0..20).prop_map(|tokens| tokens.concat().into_bytes())
    }

    /// Where to cut a body into chunks.
    fn lengths(longest: usize, most: usize) -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(0..longest, 0..most)
    }

    fn cut<'a>(body: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
        let mut rest = body;
        let mut chunks = Vec::new();
        for length in lengths {
            let (chunk, behind) = rest.split_at(rest.len().min(*length));
            chunks.push(chunk);
            rest = behind;
        }
        chunks.push(rest);
        chunks
    }

    /// What the body means, straight from the rules: line by line, with all of it at hand.
    fn model(body: &[u8]) -> Result<Parts, MultipartFault> {
        let (mut parts, mut contents): (Parts, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
        let mut body = [b"\r\n", body].concat();
        let mut content = None;
        while let Some((start, end, closing)) = (0..body.len()).find_map(|at| delimiter_at(&body, at)) {
            contents
                .extend(content.take().map(|()| body[..start].strip_prefix(b"\r\n").unwrap_or(b"").to_vec()));
            if closing {
                for content in contents {
                    let lined = [b"\r\n", content.as_slice()].concat();
                    parts.push(match lined.windows(4).position(|four| four == b"\r\n\r\n") {
                        Some(at) => (Some(content[..at].to_vec()), lined[at + 4..].to_vec()),
                        None => (Some(content), Vec::new()),
                    });
                }
                return Ok(parts);
            }
            content = Some(());
            body.drain(..end - 2);
        }
        let found = content.is_some();
        let lf = (0..body.len()).any(|at| body[at..].starts_with(b"\n--b") && lf_ends(&body[at + 4..]));
        Err(match found {
            true => MultipartFault::CutInData,
            false if lf => MultipartFault::LfOnly,
            false => MultipartFault::BoundaryNotFound,
        })
    }

    fn lf_ends(tail: &[u8]) -> bool {
        let rest = skip_blanks(tail);
        rest.starts_with(b"\n") || rest.starts_with(b"\r\n") || closes(tail)
    }

    fn closes(tail: &[u8]) -> bool {
        tail.strip_prefix(b"--")
            .map(skip_blanks)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"\r\n") || rest.starts_with(b"\n"))
    }

    fn skip_blanks(bytes: &[u8]) -> &[u8] {
        &bytes[bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()..]
    }

    fn delimiter_at(body: &[u8], at: usize) -> Option<(usize, usize, bool)> {
        let tail = body[at..].strip_prefix(b"\r\n--b")?;
        if closes(tail) {
            return Some((at, at + 7, true));
        }
        let rest = skip_blanks(tail);
        rest.starts_with(b"\r\n").then(|| (at, body.len() - rest.len() + 2, false))
    }

    fn ready<F: Future>(future: F) -> F::Output {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("a stream of ready chunks never waits"),
        }
    }

    /// The data of the parts as `multer` reads them.
    fn multer_data(body: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
        let chunks: Vec<_> = cut(body, lengths)
            .into_iter()
            .map(|chunk| Ok::<_, multer::Error>(Bytes::copy_from_slice(chunk)))
            .collect();
        let mut reader = multer::Multipart::new(stream::iter(chunks), "boundary");
        let mut data = Vec::new();
        while let Some(field) = ready(reader.next_field()).expect("a body that multer reads") {
            data.push(ready(field.bytes()).expect("a field that multer reads").to_vec());
        }
        data
    }

    proptest! {
        #[test]
        fn chunks_never_change_the_parts(body in near_delimiters(), lengths in lengths(9, 60)) {
            let body = [b"--b\r\n", body.as_slice(), b"\r\n--b--"].concat();
            prop_assert_eq!(split_chunks("b", &[&body]), split_chunks("b", &cut(&body, &lengths)));
        }

        #[test]
        fn every_body_is_read_as_the_rules_say(body in near_delimiters()) {
            let read = split("b", &body).map_err(|fault| match fault {
                MultipartFault::CutInHeaders => MultipartFault::CutInData,
                other => other,
            });
            prop_assert_eq!(read, model(&body));
        }

        #[test]
        fn any_bytes_do(body in prop::collection::vec(any::<u8>(), 0..300), lengths in lengths(50, 9)) {
            prop_assert_eq!(split_chunks("b", &[&body]), split_chunks("b", &cut(&body, &lengths)));
        }

        #[test]
        fn multer_reads_well_formed_bodies_alike(
            files in prop::collection::vec(near_file(), 1..4),
            lengths in lengths(30, 20),
        ) {
            let mut body = Vec::new();
            for file in &files {
                body.extend_from_slice(b"--boundary\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n");
                body.extend_from_slice(file);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--boundary--\r\n");
            let ours = split_chunks("boundary", &cut(&body, &lengths)).expect("a whole body");
            let ours: Vec<Vec<u8>> = ours.into_iter().map(|(_, data)| data).collect();
            prop_assert_eq!(&ours, &files);
            prop_assert_eq!(ours, multer_data(&body, &lengths));
        }
    }
}
