//! Buckets as folders, by s3s-fs, with what that lacks.

use http::{Extensions, HeaderMap, Method, Uri};
use s3s::dto::*;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use std::{collections::HashMap, pin::Pin, sync::Arc};
use tokio::task::JoinSet;

use super::notifications::{Created, Notifications, Stored, Validation};
use crate::limits::{LISTED_OBJECTS_MAX, LOOKS_AT_ONCE};

/// [`FileSystem`], which says of an object in a missing bucket that the object is missing, makes the bucket of an object that
/// is put, reads objects whatever their ETag is, lists them without ETags, and says that their keys are encoded where they
/// are not. And it tells queues of the objects that are put, as their buckets' notification configurations say.
///
/// What stays: a key is a path. So `a//b` is `a/b`, `a` and `a/b` can't both be there, and what ends with `/` is a folder,
/// which no listing shows.
#[derive(Debug)]
pub(super) struct Files {
    system: Arc<FileSystem>,
    notifications: Notifications,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = S3Result<S3Response<T>>> + Send + 'a>>;

/// The operations that are the same.
macro_rules! as_files_do {
    ($($operation:ident: $input:ident -> $output:ident),+ $(,)?) => {
        $(fn $operation<'a, 'b>(&'a self, request: S3Request<$input>) -> Answer<'b, $output>
        where
            'a: 'b,
            Self: 'b,
        {
            self.system.$operation(request)
        })+
    };
}

impl S3 for Files {
    fn get_object<'a, 'b>(&'a self, request: S3Request<GetObjectInput>) -> Answer<'b, GetObjectOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let (bucket, if_match) = (request.input.bucket.clone(), request.input.if_match.clone());
            let answer = match self.system.get_object(request).await {
                Err(error) if *error.code() == S3ErrorCode::NoSuchKey => {
                    self.find(bucket).await?;
                    return Err(error);
                }
                answer => answer?,
            };
            if let (Some(ETagCondition::ETag(wanted)), Some(there)) = (&if_match, &answer.output.e_tag)
                && !there.strong_cmp(wanted)
            {
                return Err(s3_error!(
                    PreconditionFailed,
                    "At least one of the pre-conditions you specified did not hold"
                ));
            }
            Ok(answer)
        })
    }

    fn put_object<'a, 'b>(&'a self, request: S3Request<PutObjectInput>) -> Answer<'b, PutObjectOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
            self.find(bucket.clone()).await?;
            let answer = self.system.put_object(request).await?;
            self.tell(Created::Put, bucket, key).await;
            Ok(answer)
        })
    }

    fn copy_object<'a, 'b>(&'a self, request: S3Request<CopyObjectInput>) -> Answer<'b, CopyObjectOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
            let answer = self.system.copy_object(request).await?;
            self.tell(Created::Copy, bucket, key).await;
            Ok(answer)
        })
    }

    fn complete_multipart_upload<'a, 'b>(
        &'a self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<'b, CompleteMultipartUploadOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
            let answer = self.system.complete_multipart_upload(request).await?;
            self.tell(Created::CompleteMultipartUpload, bucket, key).await;
            Ok(answer)
        })
    }

    fn put_bucket_notification_configuration<'a, 'b>(
        &'a self,
        request: S3Request<PutBucketNotificationConfigurationInput>,
    ) -> Answer<'b, PutBucketNotificationConfigurationOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let PutBucketNotificationConfigurationInput { bucket, notification_configuration, .. } =
                request.input;
            let validation = match request.input.skip_destination_validation {
                Some(true) => Validation::Skipped,
                _ => Validation::Done,
            };
            self.find(bucket.clone()).await?;
            self.notifications.set(&bucket, notification_configuration, validation)?;
            Ok(S3Response::new(PutBucketNotificationConfigurationOutput {}))
        })
    }

    fn get_bucket_notification_configuration<'a, 'b>(
        &'a self,
        request: S3Request<GetBucketNotificationConfigurationInput>,
    ) -> Answer<'b, GetBucketNotificationConfigurationOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            self.find(request.input.bucket.clone()).await?;
            let NotificationConfiguration { queue_configurations, .. } =
                self.notifications.of(&request.input.bucket);
            Ok(S3Response::new(GetBucketNotificationConfigurationOutput {
                queue_configurations,
                ..GetBucketNotificationConfigurationOutput::default()
            }))
        })
    }

    fn list_objects_v2<'a, 'b>(
        &'a self,
        mut request: S3Request<ListObjectsV2Input>,
    ) -> Answer<'b, ListObjectsV2Output>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            request.input.encoding_type = None;
            // A page may always have fewer than were asked for.
            let most = request.input.max_keys.unwrap_or(LISTED_OBJECTS_MAX);
            request.input.max_keys = Some(most.min(LISTED_OBJECTS_MAX));
            let bucket = request.input.bucket.clone();
            let mut answer = self.system.list_objects_v2(request).await?;
            if let Some(objects) = &mut answer.output.contents {
                self.complete(&bucket, objects).await;
            }
            Ok(answer)
        })
    }

    as_files_do! {
        abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput,
        create_bucket: CreateBucketInput -> CreateBucketOutput,
        create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput,
        delete_bucket: DeleteBucketInput -> DeleteBucketOutput,
        delete_object: DeleteObjectInput -> DeleteObjectOutput,
        delete_objects: DeleteObjectsInput -> DeleteObjectsOutput,
        get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput,
        head_bucket: HeadBucketInput -> HeadBucketOutput,
        head_object: HeadObjectInput -> HeadObjectOutput,
        list_buckets: ListBucketsInput -> ListBucketsOutput,
        list_objects: ListObjectsInput -> ListObjectsOutput,
        list_parts: ListPartsInput -> ListPartsOutput,
        upload_part: UploadPartInput -> UploadPartOutput,
        upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput,
    }
}

impl Files {
    pub(super) fn new(system: FileSystem, notifications: Notifications) -> Self {
        Self { system: Arc::new(system), notifications }
    }

    /// Tells of an object that has just been put. One that has gone meanwhile is not told of.
    async fn tell(&self, created: Created, bucket: String, key: String) {
        if self.notifications.of(&bucket).queue_configurations.is_none() {
            return;
        }
        let input =
            HeadObjectInput { bucket: bucket.clone(), key: key.clone(), ..HeadObjectInput::default() };
        let Ok(there) = self.system.head_object(asking(input)).await else { return };
        let bytes =
            there.output.content_length.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default();
        let etag = there.output.e_tag.map(|etag| etag.value().to_owned()).unwrap_or_default();
        self.notifications.tell(created, &Stored { bucket, key, bytes, etag });
    }

    /// Fails where there is no such bucket.
    async fn find(&self, bucket: String) -> S3Result<()> {
        let input = HeadBucketInput { bucket, ..HeadBucketInput::default() };
        self.system.head_bucket(asking(input)).await.map(|_| ())
    }

    /// Puts to the objects of a listing what s3s-fs knows of each alone. One that has gone meanwhile is shown as it was.
    async fn complete(&self, bucket: &str, objects: &mut [Object]) {
        let mut etags: HashMap<String, ETag> = HashMap::new();
        let mut looks = JoinSet::new();
        for key in objects.iter().filter_map(|object| object.key.clone()) {
            if looks.len() >= LOOKS_AT_ONCE
                && let Some(Ok(Some((key, etag)))) = looks.join_next().await
            {
                etags.insert(key, etag);
            }
            let (files, bucket) = (Arc::clone(&self.system), bucket.to_owned());
            looks.spawn(async move {
                let input = HeadObjectInput { bucket, key: key.clone(), ..HeadObjectInput::default() };
                let there = files.head_object(asking(input)).await.ok()?;
                Some((key, there.output.e_tag?))
            });
        }
        while let Some(look) = looks.join_next().await {
            etags.extend(look.ok().flatten());
        }
        for object in objects {
            object.e_tag = object.key.as_ref().and_then(|key| etags.remove(key));
            object.storage_class = Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD));
        }
    }
}

fn asking<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Method::HEAD,
        uri: Uri::default(),
        headers: HeaderMap::new(),
        extensions: Extensions::new(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}
