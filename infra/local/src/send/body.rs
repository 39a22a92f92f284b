//! A batch as the body of a request. The same batch has the same body in the same run, so that a repeat is known as one.

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::batches::Part;
use super::inputs::Pdf;
use super::journal::Run;
use crate::failure::{Doing, Failure};

/// A body. `Debug` would show what is in it, so there is none.
pub(super) struct Body {
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
    pub(super) parts: usize,
}

impl Body {
    /// The body of these parts: an array of people, or a form of PDFs. `None` where there is no part.
    ///
    /// # Errors
    /// Where a PDF is not there any more, or is another one.
    pub(super) fn of(parts: &[(u64, Part)], run: &Run) -> Result<Option<Body>, Failure> {
        let (mut objects, mut pdfs) = (Vec::new(), Vec::new());
        for (_, part) in parts {
            match part {
                Part::Person(object) => objects.push(&object[..]),
                Part::Pdf(pdf) => pdfs.push(pdf),
                Part::Refused(_) => {}
            }
        }
        Ok(match (objects.is_empty(), pdfs.is_empty()) {
            (true, true) => None,
            (false, _) => Some(array(&objects)),
            (true, false) => Some(form(&pdfs, &format!("people-{}", run.id))?),
        })
    }
}

fn array(objects: &[&[u8]]) -> Body {
    let bytes = [b"[", &objects.join(&b","[..])[..], b"]"].concat();
    Body { content_type: "application/json".to_owned(), bytes: bytes.into(), parts: objects.len() }
}

fn form(pdfs: &[&Pdf], boundary: &str) -> Result<Body, Failure> {
    let mut bytes = Vec::new();
    for pdf in pdfs {
        // Percent signs in a plain `filename` are read as escapes; this way of writing a name says what it means.
        let name = pdf.path.file_name().unwrap_or_default().to_string_lossy();
        let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''{name}\r\nContent-Type: application/pdf\r\n\r\n"
        );
        bytes.extend_from_slice(head.as_bytes());
        let begin = bytes.len();
        let mut file = std::fs::File::open(&pdf.path).doing(format_args!("read {}", pdf.path.display()))?;
        std::io::copy(&mut file, &mut bytes).doing(format_args!("read {}", pdf.path.display()))?;
        if (bytes.len() - begin) as u64 != pdf.bytes {
            return Err(Failure(format!("{} has changed while it was to be sent", pdf.path.display())));
        }
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let content_type = format!("multipart/form-data; boundary={boundary}");
    Ok(Body { content_type, bytes: bytes.into(), parts: pdfs.len() })
}
