//! The operations of S3, and versions. The current object stays where s3s-fs keeps it; each version is an object of a second
//! s3s-fs, so that both answer alike.

use std::path::Path;
use std::time::SystemTime;
use std::{fs, io};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput,
    DeleteMarkerEntry, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, ETag,
    ETagCondition, GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput, GetObjectOutput,
    HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput,
    ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput,
    ObjectVersion, PutObjectInput, PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput,
    UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use tokio::sync::Mutex;

use crate::VERSIONED;
use crate::arrival::only_signed;
use crate::created::{Created, How, Sequence};
use crate::history::{History, Version};
use crate::objects::{Objects, ours};

/// The folder of the versions, below that of the objects. It is no name of a bucket.
const VERSIONS: &str = ".versions";
/// The most versions of one answer to a list.
const MOST_LISTED: i32 = 1000;

/// Whoever is told of an object that was created.
pub(crate) type Told = Box<dyn Fn(Created) + Send + Sync>;

/// The objects, and the versions of some.
pub(crate) struct Versioned {
    pub(crate) current: Objects,
    versions: Objects,
    history: History,
    /// Held by whoever changes a versioned object: the newest version and the current object are one.
    changing: Mutex<()>,
    sequence: Sequence,
    told: Told,
}

impl Versioned {
    /// The objects below this folder.
    pub(crate) fn open(folder: &Path, told: Told) -> io::Result<Versioned> {
        let versions = folder.join(VERSIONS);
        fs::create_dir_all(&versions)?;
        Ok(Versioned {
            current: Objects::open(folder)?,
            history: History::in_folder(&versions),
            versions: Objects::open(&versions)?,
            changing: Mutex::new(()),
            sequence: Sequence::default(),
            told,
        })
    }

    /// Tells of an object that can be read now: where it is, how it came to be, and what it is.
    fn tell(
        &self,
        (bucket, key): (String, String),
        how: How,
        size: u64,
        made: (Option<ETag>, Option<String>),
    ) {
        let at = SystemTime::now();
        let etag = made.0.map(ETag::into_value).unwrap_or_default();
        let sequencer = self.sequence.next(at);
        (self.told)(Created { how, bucket, key, size, etag, version_id: made.1, sequencer, at });
    }

    /// Keeps the object as a version, and then, byte for byte, as the current one.
    async fn put_version(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<(S3Response<PutObjectOutput>, u64)> {
        let _changing = self.changing.lock().await;
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        self.only_in_place_of(&request.input).await?;
        let version = self.history.next(&bucket, &key, false).map_err(S3Error::internal_error)?;
        let place = History::place(&key, &version);
        let request = request.map_input(|input| PutObjectInput {
            key: place.clone(),
            if_match: None,
            if_none_match: None,
            ..input
        });
        let (mut answer, size) = self.versions.put(request).await?;
        let input = GetObjectInput { bucket: bucket.clone(), key: place, ..Default::default() };
        let stored = self.versions.get(ours(input)).await?.output;
        let input = PutObjectInput {
            bucket,
            key,
            body: stored.body,
            content_type: stored.content_type,
            content_disposition: stored.content_disposition,
            metadata: stored.metadata,
            ..Default::default()
        };
        self.current.put(ours(input)).await?;
        answer.output.version_id = Some(version.id());
        Ok((answer, size))
    }

    /// Fails where the object is not the one that the caller means to replace.
    async fn only_in_place_of(&self, input: &PutObjectInput) -> S3Result<()> {
        if input.if_match.is_none() && input.if_none_match.is_none() {
            return Ok(());
        }
        let head =
            HeadObjectInput { bucket: input.bucket.clone(), key: input.key.clone(), ..Default::default() };
        let tag = match self.head_object(ours(head)).await {
            Ok(answer) => answer.output.e_tag,
            Err(error) if *error.code() == S3ErrorCode::NoSuchKey => None,
            Err(error) => return Err(error),
        };
        let meets = |condition: &ETagCondition| match (condition, &tag) {
            (_, None) => false,
            (ETagCondition::Any, Some(_)) => true,
            (ETagCondition::ETag(one), Some(tag)) => one.weak_cmp(tag),
        };
        if input.if_match.is_some() && tag.is_none() {
            return Err(s3_error!(NoSuchKey));
        }
        if input.if_match.as_ref().is_some_and(|condition| !meets(condition))
            || input.if_none_match.as_ref().is_some_and(meets)
        {
            return Err(s3_error!(PreconditionFailed));
        }
        Ok(())
    }

    /// The newest version of an object that has versions; an error where it says that the object was deleted.
    fn newest(&self, bucket: &str, key: &str) -> S3Result<Option<Version>> {
        let newest = self.history.of(bucket, key).map_err(S3Error::internal_error)?.into_iter().next();
        match newest {
            Some(version) if version.deleted => Err(deleted(s3_error!(NoSuchKey))),
            newest => Ok(newest),
        }
    }

    /// The version of this id.
    fn version(&self, bucket: &str, key: &str, id: &str) -> S3Result<Version> {
        let versions = self.history.of(bucket, key).map_err(S3Error::internal_error)?;
        match versions.into_iter().find(|version| version.id() == id) {
            None => Err(s3_error!(NoSuchVersion)),
            Some(version) if version.deleted => Err(deleted(s3_error!(MethodNotAllowed))),
            Some(version) => Ok(version),
        }
    }

    /// Where a read finds its object: the store, the key in it, and the id of the version.
    fn find(
        &self,
        bucket: &str,
        key: &str,
        id: Option<&str>,
    ) -> S3Result<(&Objects, String, Option<String>)> {
        let version = match id {
            Some(id) => Some(self.version(bucket, key, id)?),
            None => self.newest(bucket, key)?,
        };
        // Not the current object: where the process ended between the two, it is the one before.
        Ok(match version {
            Some(version) => (&self.versions, History::place(key, &version), Some(version.id())),
            None => (&self.current, key.to_owned(), None),
        })
    }

    async fn listed(&self, bucket: &str, key: &str, version: &Version) -> S3Result<ObjectVersion> {
        let place = History::place(key, version);
        let input = HeadObjectInput { bucket: bucket.to_owned(), key: place, ..Default::default() };
        let head = self.versions.head(ours(input)).await?.output;
        Ok(ObjectVersion {
            key: Some(key.to_owned()),
            e_tag: head.e_tag,
            size: head.content_length,
            last_modified: Some(version.made_at().into()),
            version_id: Some(version.id()),
            is_latest: Some(false),
            ..Default::default()
        })
    }
}

fn deleted(mut error: S3Error) -> S3Error {
    error.set_headers(HeaderMap::from_iter([(
        http::HeaderName::from_static("x-amz-delete-marker"),
        HeaderValue::from_static("true"),
    )]));
    error
}

fn length(object: &HeadObjectOutput) -> u64 {
    object.content_length.and_then(|length| length.try_into().ok()).unwrap_or_default()
}

fn is_versioned(key: &str) -> bool {
    key.starts_with(VERSIONED)
}

/// Changes that would go past the versions are refused.
fn refuse_versioned(key: &str) -> S3Result<()> {
    if is_versioned(key) {
        Err(s3_error!(NotImplemented, "objects with versions are put whole"))
    } else {
        Ok(())
    }
}

/// The operations: those that versions change, and those that s3s-fs answers alone.
macro_rules! operations {
    (ours: [$($ours:ident($our_input:ty) -> $our_output:ty,)*], passed_on: [$($name:ident($input:ty) -> $output:ty,)*]) => {
        #[async_trait]
        impl S3 for Versioned {
            $(async fn $ours(&self, request: S3Request<$our_input>) -> S3Result<S3Response<$our_output>> {
                Versioned::$ours(self, request).await
            })*
            $(async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.current.files.$name(request).await
            })*
        }
    };
}

operations! {
    ours: [
        put_object(PutObjectInput) -> PutObjectOutput,
        get_object(GetObjectInput) -> GetObjectOutput,
        head_object(HeadObjectInput) -> HeadObjectOutput,
        delete_object(DeleteObjectInput) -> DeleteObjectOutput,
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput,
        list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput,
        copy_object(CopyObjectInput) -> CopyObjectOutput,
        create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput,
        complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput,
        list_objects(ListObjectsInput) -> ListObjectsOutput,
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output,
    ],
    passed_on: [
        upload_part(UploadPartInput) -> UploadPartOutput,
        upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput,
        list_parts(ListPartsInput) -> ListPartsOutput,
        abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput,
        create_bucket(CreateBucketInput) -> CreateBucketOutput,
        delete_bucket(DeleteBucketInput) -> DeleteBucketOutput,
        head_bucket(HeadBucketInput) -> HeadBucketOutput,
        get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput,
        list_buckets(ListBucketsInput) -> ListBucketsOutput,
    ]
}

/// How the object itself is encoded: S3 leaves `aws-chunked` away, which is how the request was.
fn of_the_object(encoding: Option<String>) -> Option<String> {
    let encodings = encoding?;
    let own: Vec<_> = encodings.split(',').map(str::trim).filter(|one| *one != "aws-chunked").collect();
    (!own.is_empty()).then(|| own.join(","))
}

/// The operations that versions change.
impl Versioned {
    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        only_signed(&request.uri, &request.headers)?;
        request.input.content_encoding = of_the_object(request.input.content_encoding);
        let place = (request.input.bucket.clone(), request.input.key.clone());
        let (answer, size) = if is_versioned(&place.1) {
            self.put_version(request).await?
        } else {
            self.current.put(request).await?
        };
        let made = (answer.output.e_tag.clone(), answer.output.version_id.clone());
        self.tell(place, How::Put, size, made);
        Ok(answer)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = &request.input;
        let (files, key, version) = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        let mut answer = files.get(request.map_input(|input| GetObjectInput { key, ..input })).await?;
        answer.output.version_id = version;
        Ok(answer)
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = &request.input;
        let (files, key, version) = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        let mut answer = files.head(request.map_input(|input| HeadObjectInput { key, ..input })).await?;
        answer.output.version_id = version;
        Ok(answer)
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        if !is_versioned(&request.input.key) {
            return self.current.delete(request).await;
        }
        if request.input.version_id.is_some() {
            return Err(s3_error!(NotImplemented, "a version stays"));
        }
        let _changing = self.changing.lock().await;
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let version = self.history.mark_deleted(&bucket, &key).map_err(S3Error::internal_error)?;
        let mut answer = self.current.delete(request).await?;
        answer.output.delete_marker = Some(true);
        answer.output.version_id = Some(version.id());
        Ok(answer)
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        request.input.delete.objects.iter().try_for_each(|object| refuse_versioned(&object.key))?;
        let _whole = self.current.whole.write().await;
        self.current.files.delete_objects(request).await
    }

    /// Without pages: what is over the limit is left out.
    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let _changing = self.changing.lock().await;
        let ListObjectVersionsInput { bucket, prefix, max_keys, .. } = request.input;
        let prefix = prefix.unwrap_or_default();
        let most = max_keys.unwrap_or(MOST_LISTED).clamp(0, MOST_LISTED);
        let (mut versions, mut markers, mut left) = (Vec::new(), Vec::new(), most);
        for key in self.history.keys(&bucket, &prefix).map_err(S3Error::internal_error)? {
            let history = self.history.of(&bucket, &key).map_err(S3Error::internal_error)?;
            for (steps_back, version) in history.iter().enumerate().take(usize::try_from(left).unwrap_or(0)) {
                left -= 1;
                let is_latest = Some(steps_back == 0);
                if version.deleted {
                    markers.push(DeleteMarkerEntry {
                        key: Some(key.clone()),
                        last_modified: Some(version.made_at().into()),
                        version_id: Some(version.id()),
                        is_latest,
                        ..Default::default()
                    });
                } else {
                    versions.push(ObjectVersion { is_latest, ..self.listed(&bucket, &key, version).await? });
                }
            }
        }
        Ok(S3Response::new(ListObjectVersionsOutput {
            name: Some(bucket),
            prefix: Some(prefix),
            max_keys: Some(most),
            is_truncated: Some(false),
            versions: Some(versions),
            delete_markers: Some(markers),
            ..Default::default()
        }))
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        refuse_versioned(&request.input.key)?;
        let place = (request.input.bucket.clone(), request.input.key.clone());
        let (answer, copy) = self.current.copy(request).await?;
        self.tell(place, How::Copy, length(&copy), (copy.e_tag, None));
        Ok(answer)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let place = (request.input.bucket.clone(), request.input.key.clone());
        let (answer, object) = self.current.complete(request).await?;
        self.tell(place, How::CompleteMultipartUpload, length(&object), (object.e_tag, None));
        Ok(answer)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        refuse_versioned(&request.input.key)?;
        self.current.files.create_multipart_upload(request).await
    }
}
