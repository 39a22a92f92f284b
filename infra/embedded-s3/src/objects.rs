//! Objects as s3s-fs has them, with what a real S3 promises beside it: each is there whole or not at all, a condition
//! holds also for many at once, and what arrived otherwise than it was announced is not kept.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{HeaderMap, Method, Uri};
use s3s::dto::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput,
    DeleteObjectInput, DeleteObjectOutput, ETag, ETagCondition, GetObjectInput, GetObjectOutput,
    HeadObjectInput, HeadObjectOutput, IfMatch, IfNoneMatch, PutObjectInput, PutObjectOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::sync::RwLock;

use crate::arrival::Arrival;

/// The objects below a folder.
pub(crate) struct Objects {
    pub(crate) files: FileSystem,
    root: PathBuf,
    /// s3s-fs stores an object in several files. Whoever does that has all objects for itself for that moment, and whoever
    /// looks at one keeps it off.
    pub(crate) whole: Arc<RwLock<()>>,
}

impl Objects {
    pub(crate) fn open(root: &Path) -> io::Result<Objects> {
        let files = FileSystem::new(root).map_err(|error| io::Error::other(format!("{error:?}")))?;
        Ok(Objects { files, root: root.to_owned(), whole: Arc::default() })
    }

    /// Stores an object, and gives back how many bytes it has.
    pub(crate) async fn put(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<(S3Response<PutObjectOutput>, u64)> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let path = self.root.join(&bucket).join(&key);
        let arrival = Arrival::of(&request.input, path, Arc::clone(&self.whole));
        let request = request.map_input(|input| PutObjectInput {
            body: input.body.map(|body| arrival.watch(body)),
            // Looked at when the bytes are there; s3s-fs would look at it before.
            if_none_match: input.if_none_match.filter(|condition| !condition.is_any()),
            ..input
        });
        let answer = self.files.put_object(request).await;
        if let Some(code) = arrival.refusal() {
            return Err(S3Error::new(code));
        }
        // s3s-fs looks at the checksum when it has stored the object already, and leaves a wrong one where it is.
        if answer.as_ref().is_err_and(|error| *error.code() == S3ErrorCode::BadDigest) {
            let input = DeleteObjectInput { bucket, key, ..Default::default() };
            self.files.delete_object(ours(input)).await?;
        }
        Ok((answer?, arrival.bytes()))
    }

    pub(crate) async fn get(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let (wanted, known) = (request.input.if_match.clone(), request.input.if_none_match.clone());
        let _whole = self.whole.read().await;
        let answer = self.files.get_object(request).await?;
        only(wanted.as_ref(), answer.output.e_tag.as_ref())?;
        unless_known(known.as_ref(), answer.output.e_tag.as_ref())?;
        Ok(answer)
    }

    pub(crate) async fn head(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let (wanted, known) = (request.input.if_match.clone(), request.input.if_none_match.clone());
        let _whole = self.whole.read().await;
        let answer = self.files.head_object(request).await?;
        only(wanted.as_ref(), answer.output.e_tag.as_ref())?;
        unless_known(known.as_ref(), answer.output.e_tag.as_ref())?;
        Ok(answer)
    }

    pub(crate) async fn delete(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let _whole = self.whole.write().await;
        if let Some(wanted) = &request.input.if_match {
            let head = self.look(&request.input.bucket, &request.input.key).await?;
            only(Some(wanted), head.e_tag.as_ref())?;
        }
        self.files.delete_object(request).await
    }

    /// Copies an object, and gives back what the copy is.
    pub(crate) async fn copy(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<(S3Response<CopyObjectOutput>, HeadObjectOutput)> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let _whole = self.whole.write().await;
        let answer = self.files.copy_object(request).await?;
        Ok((answer, self.look(&bucket, &key).await?))
    }

    /// Makes one object of the parts of an upload, and gives back what it is.
    pub(crate) async fn complete(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<(S3Response<CompleteMultipartUploadOutput>, HeadObjectOutput)> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let _whole = self.whole.write().await;
        let answer = self.files.complete_multipart_upload(request).await?;
        Ok((answer, self.look(&bucket, &key).await?))
    }

    /// What an object is, for whoever keeps the others off already.
    pub(crate) async fn look(&self, bucket: &str, key: &str) -> S3Result<HeadObjectOutput> {
        let input = HeadObjectInput { bucket: bucket.to_owned(), key: key.to_owned(), ..Default::default() };
        Ok(self.files.head_object(ours(input)).await?.output)
    }
}

/// A request that nobody sent.
pub(crate) fn ours<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Method::GET,
        uri: Uri::default(),
        headers: HeaderMap::new(),
        extensions: Default::default(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

/// Fails where the object is another one than the caller means.
fn only(wanted: Option<&IfMatch>, tag: Option<&ETag>) -> S3Result<()> {
    match (wanted, tag) {
        (Some(ETagCondition::ETag(wanted)), Some(tag)) if !wanted.strong_cmp(tag) => {
            Err(s3_error!(PreconditionFailed))
        }
        _ => Ok(()),
    }
}

/// Fails where the caller has the object already.
fn unless_known(known: Option<&IfNoneMatch>, tag: Option<&ETag>) -> S3Result<()> {
    match (known, tag) {
        (Some(ETagCondition::Any), Some(_)) => Err(s3_error!(NotModified)),
        (Some(ETagCondition::ETag(known)), Some(tag)) if known.weak_cmp(tag) => Err(s3_error!(NotModified)),
        _ => Ok(()),
    }
}
