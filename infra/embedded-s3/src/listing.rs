//! Lists of objects as S3 spells them: where a client asks for keys in URL encoding, it decodes them, and a key that has a
//! `%` itself must come out as it is.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    Object,
};
use s3s::{S3, S3Request, S3Response, S3Result};

use crate::versioned::Versioned;

/// What stays as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Versioned {
    pub(crate) async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let bucket = request.input.bucket.clone();
        let _whole = self.current.whole.read().await;
        let mut answer = self.current.files.list_objects(request).await?;
        self.tag(&bucket, answer.output.contents.as_deref_mut()).await;
        if is_encoded(answer.output.encoding_type.as_ref()) {
            let output = &mut answer.output;
            encode_entries(output.contents.as_deref_mut(), output.common_prefixes.as_deref_mut());
            encode([&mut output.prefix, &mut output.delimiter, &mut output.marker, &mut output.next_marker]);
        }
        Ok(answer)
    }

    pub(crate) async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let bucket = request.input.bucket.clone();
        let _whole = self.current.whole.read().await;
        let mut answer = self.current.files.list_objects_v2(request).await?;
        self.tag(&bucket, answer.output.contents.as_deref_mut()).await;
        if is_encoded(answer.output.encoding_type.as_ref()) {
            let output = &mut answer.output;
            encode_entries(output.contents.as_deref_mut(), output.common_prefixes.as_deref_mut());
            encode([&mut output.prefix, &mut output.delimiter, &mut output.start_after]);
        }
        Ok(answer)
    }

    /// Enters the ETags, which s3s-fs leaves out of lists.
    async fn tag(&self, bucket: &str, objects: Option<&mut [Object]>) {
        for object in objects.into_iter().flatten() {
            if let Some(key) = &object.key
                && let Ok(head) = self.current.look(bucket, key).await
            {
                object.e_tag = head.e_tag;
            }
        }
    }
}

fn is_encoded(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}

fn encode_entries(objects: Option<&mut [Object]>, prefixes: Option<&mut [CommonPrefix]>) {
    let keys = objects.into_iter().flatten().map(|object| &mut object.key);
    let prefixes = prefixes.into_iter().flatten().map(|common| &mut common.prefix);
    keys.chain(prefixes).for_each(|text| encode([text]));
}

fn encode<const N: usize>(texts: [&mut Option<String>; N]) {
    for text in texts.into_iter().flatten() {
        *text = utf8_percent_encode(text, KEPT).to_string();
    }
}
